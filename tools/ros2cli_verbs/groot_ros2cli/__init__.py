"""The ros2 commands that ROS 2 from wheels lacks, with the arguments of the originals."""
