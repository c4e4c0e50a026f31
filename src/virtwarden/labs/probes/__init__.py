"""Conversations of our own with what listens on a host, where libraries end: no more is said than a proof needs."""
