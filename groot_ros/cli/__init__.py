"""The command line `groot-ros`."""
