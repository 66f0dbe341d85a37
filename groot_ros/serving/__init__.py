"""Servers of policies, a file for each protocol."""
