"""Whether the stamps of a bag are of one clock."""
