"""From messages to the observation of a moment: one way, live and from bags."""
