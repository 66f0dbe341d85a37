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
    argument,
    choose_clock,
    configure,
    fast_dds_profile,
    is_true,
    shipped_robots,
)
from groot_ros.nodes.recorder.recorder_parameters import RecorderParameters
from groot_ros.share import share_file

CLOCK = ("use_sim_time", "lockstep")
TEXTS = ("robot", "output", "topics", "exclude", "instruction", "note", "compression")
ARGUMENTS = [
    argument(RecorderParameters, "robot", adding=shipped_robots()),
    *(argument(RecorderParameters, name) for name in TEXTS[1:]),
    DeclareLaunchArgument(
        "sim", default_value="false", choices=BOOLEAN, description="start the simulated arm too"
    ),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of all nodes"),
    *CLOCK_ARGUMENTS,
]


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
