"""The policy of a checkpoint on this machine."""
