"""Datasets made of datasets: merged, split, shortened, relabelled, in another format."""
