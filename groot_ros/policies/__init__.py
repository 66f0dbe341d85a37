"""Policies behind one protocol, and the loop that asks them."""
