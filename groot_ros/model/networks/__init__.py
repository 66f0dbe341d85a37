"""The networks of GR00T N1.7 and N1.6, and the training loss."""
