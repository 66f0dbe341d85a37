"""Recorder for a robot, with the simulated arm if wanted; `groot-ros record` is its keyboard."""

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue

from groot_ros.nodes.launching import (
    BOOLEAN,
    CLOCK_ARGUMENTS,
    activate_when_configured,
    choose_clock,
    configure,
    fast_dds_profile,
    is_true,
)
from groot_ros.robot.config import robot_names
from groot_ros.share import share_file

ARGUMENTS = [
    DeclareLaunchArgument(
        "robot",
        default_value="sim",
        description=f"robot file: one of {', '.join(robot_names())}, or the path of your own",
    ),
    DeclareLaunchArgument(
        "output", default_value="recordings", description="folder for the bags, one per episode"
    ),
    DeclareLaunchArgument(
        "topics",
        default_value="",
        description="topics beside the robot file's, comma separated, * allowed; empty for all",
    ),
    DeclareLaunchArgument(
        "exclude",
        default_value="",
        description="topics not to record unless the robot file names them, * allowed",
    ),
    DeclareLaunchArgument(
        "instruction", default_value="", description="task of the episodes, in words"
    ),
    DeclareLaunchArgument("note", default_value="", description="the operator's words"),
    DeclareLaunchArgument(
        "compression", default_value="none", choices=["none", "zstd"], description="of the bags"
    ),
    DeclareLaunchArgument(
        "sim", default_value="false", choices=BOOLEAN, description="start the simulated arm too"
    ),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of all nodes"),
    *CLOCK_ARGUMENTS,
]
CLOCK = ("use_sim_time", "lockstep")
TEXTS = ("robot", "output", "topics", "exclude", "instruction", "note", "compression")


def _nodes(context: LaunchContext) -> list[Action]:
    choose_clock(context)
    # Without the type, an instruction such as "1" would arrive as a number.
    values = {name: ParameterValue(LaunchConfiguration(name), value_type=str) for name in TEXTS}
    recorder = LifecycleNode(
        package="groot_ros",
        executable="recorder_node",
        name="recorder",
        namespace=LaunchConfiguration("namespace"),
        parameters=[{**values, **{name: LaunchConfiguration(name) for name in CLOCK}}],
        output="screen",
    )
    actions: list[Action] = [activate_when_configured(recorder), recorder, configure(recorder)]
    if is_true(context, "sim"):
        shared = ("robot", "namespace", "real_time")
        source = PythonLaunchDescriptionSource(str(share_file("launch/sim.launch.py")))
        arguments = {name: LaunchConfiguration(name) for name in shared}
        actions.append(
            IncludeLaunchDescription(source, launch_arguments=arguments.items()),
        )
    return actions


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*fast_dds_profile(), *ARGUMENTS, OpaqueFunction(function=_nodes)])
