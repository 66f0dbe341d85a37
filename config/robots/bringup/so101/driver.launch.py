"""SO-101 follower, leader and cameras with so101_bringup of 2026-05-11. Untested.

The follower takes trajectories, as the robot file commands it; so101_teleop's own relay from the
leader is not started.
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from groot_ros.nodes.bringup import included


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument("follower_usb_port", default_value="/dev/so101_follower"),
            DeclareLaunchArgument("leader_usb_port", default_value="/dev/so101_leader"),
            included(
                "so101_bringup",
                "follower.launch.py",
                {
                    "namespace": "follower",
                    "usb_port": LaunchConfiguration("follower_usb_port"),
                    "frame_prefix": "follower/",
                    "arm_controller": "trajectory_controller",
                    "use_rviz": "false",
                },
            ),
            included(
                "so101_bringup",
                "leader.launch.py",
                {
                    "namespace": "leader",
                    "usb_port": LaunchConfiguration("leader_usb_port"),
                    "frame_prefix": "leader/",
                    "use_rviz": "false",
                },
            ),
            included("so101_bringup", "cameras.launch.py", {}),
        ]
    )
