"""The recorder node, and bags for an environment of wheels."""
