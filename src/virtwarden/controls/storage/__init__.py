"""Where disk images lie, and who can read them."""
