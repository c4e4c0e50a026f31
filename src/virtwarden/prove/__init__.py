"""Experiments on a live host that show whether its protections hold: through a lab, never altering what is there."""
