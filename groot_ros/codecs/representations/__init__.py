"""How a signal becomes numbers and back: one class in one file for each representation."""
