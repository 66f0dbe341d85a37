"""GR00T in PyTorch, from the checkpoint's own configuration."""
