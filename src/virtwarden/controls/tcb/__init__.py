"""The trusted computing base: what runs on the host and how little of it."""
