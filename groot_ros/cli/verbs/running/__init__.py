"""Verbs of `groot-ros` for robots, real or simulated, at work."""
