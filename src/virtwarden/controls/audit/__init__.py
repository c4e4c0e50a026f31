"""The record of what happened on the host and to its guests."""
