"""The subjects of `groot-ros benchmark`."""
