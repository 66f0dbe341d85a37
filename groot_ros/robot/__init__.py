"""The robot file: streams, commands, limits and kinematics of an arm."""
