"""How much one guest may take from the others."""
