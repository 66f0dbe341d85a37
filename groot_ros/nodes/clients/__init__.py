"""Clients of the nodes: operator, scene, trials, watch."""
