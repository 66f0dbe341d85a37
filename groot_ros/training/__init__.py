"""Fine-tuning of GR00T on datasets."""
