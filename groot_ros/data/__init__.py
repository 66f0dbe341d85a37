"""Bags in, datasets out."""
