"""How fast and how safe it is: what `groot-ros benchmark` measures without ROS."""
