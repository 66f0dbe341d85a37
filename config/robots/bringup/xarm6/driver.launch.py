"""xArm 6 with its gripper, xarm_ros2 jazzy of 2024-11-05, two RealSense cameras. Untested."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from groot_ros.nodes.bringup import included, realsense


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument("robot_ip", description="address of the control box"),
            included(
                "xarm_controller",
                "xarm6_control_rviz_display.launch.py",
                {"robot_ip": LaunchConfiguration("robot_ip"), "add_gripper": "true"},
            ),
            *realsense(
                {
                    "exterior_serial": ("exterior", "camera"),
                    "wrist_serial": ("wrist", "camera"),
                }
            ),
        ]
    )
