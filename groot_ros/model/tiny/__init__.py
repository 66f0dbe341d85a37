"""Tiny untrained checkpoints of the same classes."""
