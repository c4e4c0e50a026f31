"""Audit rules as a set: generated for a host, held against what it has, compared and linted.

It stands on facts and formats; controls and the command line stand on it. What reads a host is in `situation`, all
else is pure.
"""
