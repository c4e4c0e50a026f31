"""Guests, secrets and left-overs at rest."""
