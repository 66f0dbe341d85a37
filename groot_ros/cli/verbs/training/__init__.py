"""Verbs of `groot-ros` for training, and what its checkpoints can do."""
