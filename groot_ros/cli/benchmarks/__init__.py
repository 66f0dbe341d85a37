"""The subjects of `groot-ros benchmark` that have a file of their own."""
