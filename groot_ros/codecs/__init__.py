"""Codecs: between observations and a model's columns, and back."""
