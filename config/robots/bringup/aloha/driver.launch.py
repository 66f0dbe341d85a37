"""ALOHA: two ViperX 300 S followers, two WidowX 250 S leaders, four RealSense cameras. Untested.

interbotix_ros_manipulators (humble): interbotix_xsarm_ros_control for the followers,
interbotix_xsarm_control for the leaders.
"""

from launch import LaunchDescription

from groot_ros.nodes.bringup import included, realsense

SIDES = ("left", "right")
CAMERAS = ("cam_high", "cam_low", "cam_left_wrist", "cam_right_wrist")


def generate_launch_description() -> LaunchDescription:
    followers = [
        included(
            "interbotix_xsarm_ros_control",
            "xsarm_ros_control.launch.py",
            {
                "robot_model": "vx300s",
                "robot_name": f"follower_{side}",
                "use_world_frame": "false",
                "use_rviz": "false",
            },
        )
        for side in SIDES
    ]
    leaders = [
        included(
            "interbotix_xsarm_control",
            "xsarm_control.launch.py",
            {"robot_model": "wx250s", "robot_name": f"leader_{side}", "use_rviz": "false"},
        )
        for side in SIDES
    ]
    cameras = realsense({f"{name}_serial": ("", name) for name in CAMERAS})
    return LaunchDescription([*followers, *leaders, *cameras])
