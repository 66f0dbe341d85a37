"""A policy on recorded observations, through the executor."""
