"""Robot files drafted from what is seen of a robot."""
