"""A bag as the live node would have seen it: episodes, topics, streams, labels."""
