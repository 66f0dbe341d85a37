"""GR00T on a ROS 2 arm: record, convert, train, run."""
