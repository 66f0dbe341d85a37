"""The simulated arm, alone."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from groot_ros.nodes.launching import argument, fast_dds_profile
from groot_ros.nodes.sim.sim_parameters import SimParameters

# As YAML these would be read as something else, a list for example.
TEXTS = ("task", "cubes")
NUMBERS = (
    "robot",
    "seed",
    "disturbance",
    "image_width",
    "image_height",
    "image_rate",
    "gui",
    "real_time",
    "real_time_factor",
    "state_latency",
    "camera_latency",
)
ARGUMENTS = [
    *(argument(SimParameters, name) for name in (*TEXTS, *NUMBERS)),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
]


def generate_launch_description() -> LaunchDescription:
    parameters = {name: LaunchConfiguration(name) for name in NUMBERS}
    for name in TEXTS:
        parameters[name] = ParameterValue(LaunchConfiguration(name), value_type=str)
    node = Node(
        package="groot_ros",
        executable="sim_node",
        name="sim",
        namespace=LaunchConfiguration("namespace"),
        parameters=[parameters],
        output="screen",
    )
    return LaunchDescription([*fast_dds_profile(), *ARGUMENTS, node])
