"""Verbs of `groot-ros` for robot and codec files."""
