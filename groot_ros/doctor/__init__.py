"""What would keep groot_ros from working on this machine and in this graph."""
