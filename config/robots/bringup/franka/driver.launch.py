"""Franka Research 3 with its hand, franka_ros2 3.4.0, and two RealSense cameras. Untested.

franka_bringup starts no trajectory controller: fr3_arm_controller comes from controllers.yaml.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from groot_ros.nodes.bringup import included, realsense, spawned


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument("robot_ip", description="address of the control unit"),
            included(
                "franka_bringup",
                "franka.launch.py",
                {
                    "robot_type": "fr3",
                    "robot_ip": LaunchConfiguration("robot_ip"),
                    "load_gripper": "true",
                },
            ),
            spawned(["fr3_arm_controller"], str(Path(__file__).with_name("controllers.yaml"))),
            *realsense(
                {
                    "exterior_serial": ("exterior", "camera"),
                    "wrist_serial": ("wrist", "camera"),
                }
            ),
        ]
    )
