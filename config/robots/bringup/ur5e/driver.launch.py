"""UR5e with ur_robot_driver 3.8.0 and two RealSense cameras. Untested.

`gripper:=true` spawns the controllers of a Robotiq 2F-85 (ros2_robotiq_gripper, branch humble), of
which the driver offers none: the description that `description_launchfile` publishes must hold the
gripper's hardware.
"""

from pathlib import Path

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare

from groot_ros.nodes.bringup import included, realsense, spawned

DESCRIPTION = PathJoinSubstitution(
    [FindPackageShare("ur_robot_driver"), "launch", "ur_rsp.launch.py"]
)


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument("robot_ip", description="address of the controller"),
            DeclareLaunchArgument("gripper", default_value="false", choices=["true", "false"]),
            DeclareLaunchArgument("description_launchfile", default_value=DESCRIPTION),
            included(
                "ur_robot_driver",
                "ur_control.launch.py",
                {
                    "ur_type": "ur5e",
                    "robot_ip": LaunchConfiguration("robot_ip"),
                    "description_launchfile": LaunchConfiguration("description_launchfile"),
                    "initial_joint_controller": "scaled_joint_trajectory_controller",
                    "launch_rviz": "false",
                },
            ),
            spawned(
                ["robotiq_gripper_controller", "robotiq_activation_controller"],
                str(Path(__file__).with_name("controllers.yaml")),
                IfCondition(LaunchConfiguration("gripper")),
            ),
            *realsense(
                {
                    "exterior_serial": ("exterior", "camera"),
                    "wrist_serial": ("wrist", "camera"),
                }
            ),
        ]
    )
