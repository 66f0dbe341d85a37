"""What the bringup of shipped robot files has in common: drivers and cameras of other packages."""

from __future__ import annotations

from launch.action import Action
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.some_substitutions_type import SomeSubstitutionsType
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare


def included(
    package: str, file: str, arguments: dict[str, SomeSubstitutionsType]
) -> IncludeLaunchDescription:
    """A launch file in the folder `launch` of a package, looked for when it is started."""
    path = PathJoinSubstitution([FindPackageShare(package), "launch", file])
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path), launch_arguments=arguments.items()
    )


def realsense(cameras: dict[str, tuple[str, str]]) -> list[Action]:
    """RealSense cameras: by the name of the launch argument that takes the serial number, the
    namespace and the name of each."""
    actions: list[Action] = []
    for serial, (namespace, name) in cameras.items():
        actions += [
            DeclareLaunchArgument(
                serial, default_value="''", description="serial number, such as _123456789012"
            ),
            included(
                "realsense2_camera",
                "rs_launch.py",
                {
                    "camera_namespace": namespace,
                    "camera_name": name,
                    "serial_no": LaunchConfiguration(serial),
                },
            ),
        ]
    return actions


def spawned(controllers: list[str], parameters: str, condition: IfCondition | None = None) -> Node:
    """Controllers of a controllers.yaml, in the controller manager of the driver."""
    return Node(
        package="controller_manager",
        executable="spawner",
        arguments=[*controllers, "--param-file", parameters],
        condition=condition,
        output="screen",
    )
