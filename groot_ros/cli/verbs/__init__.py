"""The verbs of `groot-ros`, a module each."""
