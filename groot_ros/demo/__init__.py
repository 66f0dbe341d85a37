"""What a run looked like: films, plots, numbers."""
