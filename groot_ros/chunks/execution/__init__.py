"""From chunks to commands: admission, joining, motions, stops."""
