"""The nodes that stand for a robot: the simulated one, and fakes of others."""
