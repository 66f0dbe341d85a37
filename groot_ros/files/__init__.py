"""Files that others wrote, and places that only one process works in."""
