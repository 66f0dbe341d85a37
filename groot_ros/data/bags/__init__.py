"""Bags: reading, writing and repairing them."""
