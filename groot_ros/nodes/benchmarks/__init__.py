"""What `groot-ros benchmark` measures over ROS."""
