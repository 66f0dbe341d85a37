"""Recording episodes, with the health of every stream."""
