"""Verbs of `groot-ros` for bags and datasets."""
