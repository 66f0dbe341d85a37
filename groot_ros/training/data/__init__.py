"""Datasets as a training takes samples of them."""
