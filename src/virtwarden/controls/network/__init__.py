"""Separation of host and guest networks, bridges and VLANs."""
