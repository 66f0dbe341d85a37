"""A checkpoint's folder: its files, tensors and tokenizer."""
