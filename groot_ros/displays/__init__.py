"""What programs that people look with need to show a robot."""
