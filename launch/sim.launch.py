"""The simulated arm, alone."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from groot_ros.nodes.launching import BOOLEAN, fast_dds_profile

ARGUMENTS = [
    DeclareLaunchArgument(
        "robot", default_value="sim", description="robot file that names the topics"
    ),
    DeclareLaunchArgument(
        "task",
        default_value="pick up the red cube",
        description="what counts as success, in words: pick or reach, and a color",
    ),
    DeclareLaunchArgument(
        "seed", default_value="0", description="first scene; each reset goes one on"
    ),
    DeclareLaunchArgument(
        "cubes", default_value="red", description="some of red,green,blue, separated by commas"
    ),
    DeclareLaunchArgument(
        "disturbance",
        default_value="0.0",
        description="probability, every 1/15 s, of pushes on the pose commands",
    ),
    DeclareLaunchArgument("image_width", default_value="320", description="pixels"),
    DeclareLaunchArgument("image_height", default_value="240", description="pixels"),
    DeclareLaunchArgument(
        "image_rate", default_value="15.0", description="pictures per second and camera"
    ),
    DeclareLaunchArgument(
        "gui", default_value="false", choices=BOOLEAN, description="open a window with the scene"
    ),
    DeclareLaunchArgument("namespace", default_value="", description="namespace of the node"),
    DeclareLaunchArgument(
        "real_time",
        default_value="false",
        choices=BOOLEAN,
        description="live on the wall clock, in place of being the clock",
    ),
    DeclareLaunchArgument(
        "real_time_factor",
        default_value="1.0",
        description="simulated time per time at most; 0: as fast as the machine can",
    ),
    DeclareLaunchArgument(
        "state_latency", default_value="0.0", description="how late in s states are published"
    ),
    DeclareLaunchArgument(
        "camera_latency", default_value="0.0", description="how late in s pictures are published"
    ),
]
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


def generate_launch_description() -> LaunchDescription:
    parameters = {name: LaunchConfiguration(name) for name in NUMBERS}
    # As YAML these would be read as something else, a list for example.
    for name in ("task", "cubes"):
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
