"""A person moves the robot in place of the policy."""
