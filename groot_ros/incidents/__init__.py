"""The black box: what an executor was given before something went wrong, and replays of it."""
