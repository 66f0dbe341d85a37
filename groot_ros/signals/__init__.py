"""Signals of a robot: their kinds, which alone know the mathematics, and values by name."""
