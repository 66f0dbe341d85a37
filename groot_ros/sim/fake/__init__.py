"""A stand-in for any robot, out of its robot file."""
