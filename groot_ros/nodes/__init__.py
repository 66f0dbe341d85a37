"""ROS 2 nodes and what they share; nothing else imports rclpy."""
