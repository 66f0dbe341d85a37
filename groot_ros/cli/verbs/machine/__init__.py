"""Verbs of `groot-ros` for this machine and this installation."""
