"""Mandatory confinement of guests from each other and the host."""
