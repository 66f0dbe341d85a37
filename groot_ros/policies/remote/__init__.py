"""Policies of servers, a file for each protocol."""
