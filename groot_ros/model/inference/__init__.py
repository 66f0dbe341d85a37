"""Inference without repeated work, and the loaded model."""
