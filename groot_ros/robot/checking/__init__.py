"""What is wrong with a robot file, by itself and against the running robot."""
