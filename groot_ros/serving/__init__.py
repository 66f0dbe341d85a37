"""Policies over the wire: message formats and servers."""
