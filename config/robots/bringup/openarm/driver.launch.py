"""A single OpenArm v10 with its hand, openarm_ros2 0.9.2, and two RealSense cameras. Untested."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from groot_ros.nodes.bringup import included, realsense


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument("can_interface", default_value="can0"),
            included(
                "openarm_bringup",
                "openarm.launch.py",
                {
                    "arm_type": "v10",
                    "can_interface": LaunchConfiguration("can_interface"),
                    "robot_controller": "joint_trajectory_controller",
                },
            ),
            *realsense(
                {
                    "exterior_serial": ("exterior", "camera"),
                    "wrist_serial": ("wrist", "camera"),
                }
            ),
        ]
    )
