"""The policy node: observations in, chunks out."""
