"""A robot moved by a person: executor, device, and a simulated arm or a fake robot if wanted."""

import sys

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from groot_ros.nodes.executor.executor_parameters import ExecutorParameters
from groot_ros.nodes.launching import BOOLEAN, argument, shipped_robots
from groot_ros.share import share_file
from groot_ros.teleop.joystick import LAYOUTS

KEYBOARD, LEADER = "keyboard", "leader"
# Package and executable that publish what a device says.
DRIVERS = {"gamepad": ("joy", "joy_node"), "spacenav": ("spacenav", "spacenav_node")}
PASSED = ("robot", "sim", "fake", "rviz", "speed_scale", "dry_run")
ARGUMENTS = [
    argument(ExecutorParameters, "robot", adding=shipped_robots()),
    DeclareLaunchArgument(
        "device",
        default_value=KEYBOARD,
        choices=[KEYBOARD, *LAYOUTS, LEADER],
        description="keyboard: of a terminal in which you start `groot-ros teleop`; gamepad, "
        "spacenav: with their drivers (packages joy, spacenav); leader: what the robot file names",
    ),
    DeclareLaunchArgument(
        "driver",
        default_value="true",
        choices=BOOLEAN,
        description="start the driver of a gamepad or a spacenav; otherwise yours runs",
    ),
    DeclareLaunchArgument(
        "sim", default_value="false", choices=BOOLEAN, description="start the simulated arm too"
    ),
    DeclareLaunchArgument(
        "fake", default_value="false", choices=BOOLEAN, description="as of policy.launch.py"
    ),
    DeclareLaunchArgument(
        "rviz", default_value="false", choices=BOOLEAN, description="show it in rviz2"
    ),
    argument(ExecutorParameters, "speed_scale"),
    argument(ExecutorParameters, "dry_run"),
]


def _device(context: LaunchContext) -> list[Action]:
    device = LaunchConfiguration("device").perform(context)
    robot = LaunchConfiguration("robot").perform(context)
    if device == KEYBOARD:
        return [LogInfo(msg=f"in another terminal: groot-ros teleop --robot {robot}")]
    if device == LEADER:
        call = "ros2 service call /executor/take_over std_srvs/srv/Trigger"
        return [LogInfo(msg=f"the leader leads after `{call}`")]
    verb = [sys.executable, "-m", "groot_ros.cli.main", "teleop", f"--robot={robot}"]
    actions: list[Action] = [
        ExecuteProcess(cmd=[*verb, f"--device={device}"], name="teleop", output="screen")
    ]
    if LaunchConfiguration("driver").perform(context) == "true":
        package, executable = DRIVERS[device]
        namespace = LAYOUTS[device].topic.rpartition("/")[0]
        actions.append(
            Node(package=package, executable=executable, namespace=namespace, output="screen")
        )
    return actions


def generate_launch_description() -> LaunchDescription:
    source = PythonLaunchDescriptionSource(str(share_file("launch/policy.launch.py")))
    arguments = {name: LaunchConfiguration(name) for name in PASSED}
    arguments["policy"] = "none"
    executor = IncludeLaunchDescription(source, launch_arguments=arguments.items())
    return LaunchDescription([*ARGUMENTS, executor, OpaqueFunction(function=_device)])
