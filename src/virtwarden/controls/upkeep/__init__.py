"""Keeping a host as safe as it was set up."""
