"""A policy gets better by correction, round by round."""
