"""From episodes of bags to one dataset."""
