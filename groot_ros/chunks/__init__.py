"""Chunks of actions as signals in time, and what can be said about them."""
