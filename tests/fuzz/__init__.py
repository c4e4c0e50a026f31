"""Nonsense for the parsers: what may go in, what may come out, and the engine that tries."""
