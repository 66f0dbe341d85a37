"""Limits of motions: bounds, braking, watched points, and the governor behind everything else."""
