"""How the host is managed from elsewhere, and the PKI behind it."""
