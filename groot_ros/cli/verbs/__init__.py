"""The verbs of `groot-ros`, a module each, in rooms by subject."""
