"""Bags: reading and writing them."""
