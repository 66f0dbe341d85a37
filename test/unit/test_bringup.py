"""The bringup beside each shipped robot file: its controllers, and what its launch file starts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from groot_ros.robot.config import load_robot, robot_names
from groot_ros.share import share_file

# The simulated arm is its own driver.
ROBOTS = [name for name in robot_names() if name != "sim"]
CAMERAS = "realsense2_camera/rs_launch.py"
DRIVERS = {
    "aloha": {
        "interbotix_xsarm_ros_control/xsarm_ros_control.launch.py": 2,
        "interbotix_xsarm_control/xsarm_control.launch.py": 2,
        CAMERAS: 4,
    },
    "franka": {"franka_bringup/franka.launch.py": 1, CAMERAS: 2},
    "openarm": {"openarm_bringup/openarm.launch.py": 1, CAMERAS: 2},
    "so101": {
        "so101_bringup/follower.launch.py": 1,
        "so101_bringup/leader.launch.py": 1,
        "so101_bringup/cameras.launch.py": 1,
    },
    "ur5e": {"ur_robot_driver/ur_control.launch.py": 1, CAMERAS: 2},
    "xarm6": {"xarm_controller/xarm6_control_rviz_display.launch.py": 1, CAMERAS: 2},
}
ADDRESS = "10.0.0.1"
# Writes down with which arguments it was included.
DRIVER = """
import json
from pathlib import Path
from launch import LaunchDescription
from launch.actions import OpaqueFunction

def note(context):
    with Path({log!r}).open("a") as log:
        print(json.dumps([{name!r}, context.launch_configurations]), file=log)

def generate_launch_description():
    return LaunchDescription([OpaqueFunction(function=note)])
"""
SPAWNER = '#!/bin/sh\nprintf "%s\\n" "$*" >> {log}\n'


def installed(prefix: Path, package: str) -> Path:
    """An empty package."""
    marker = prefix / "share/ament_index/resource_index/packages" / package
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()
    return prefix / "share" / package


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Starts a bringup where its drivers only say what they were told."""

    def start(name: str, **arguments: str) -> tuple[list[tuple[str, dict[str, str]]], list[str]]:
        log, spawned = tmp_path / "drivers", tmp_path / "spawned"
        for driver in DRIVERS[name]:
            package, file = driver.split("/")
            launch = installed(tmp_path, package) / "launch"
            launch.mkdir(parents=True, exist_ok=True)
            (launch / file).write_text(DRIVER.format(log=str(log), name=driver))
        installed(tmp_path, "controller_manager")
        spawner = tmp_path / "lib/controller_manager/spawner"
        spawner.parent.mkdir(parents=True)
        spawner.write_text(SPAWNER.format(log=spawned))
        spawner.chmod(0o755)
        monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
        path = share_file(f"config/robots/bringup/{name}/driver.launch.py")
        source = PythonLaunchDescriptionSource(str(path))
        service = LaunchService(noninteractive=True)
        service.include_launch_description(
            LaunchDescription(
                [IncludeLaunchDescription(source, launch_arguments=arguments.items())]
            )
        )
        assert service.run() == 0
        lines = log.read_text().splitlines()
        told = spawned.read_text().splitlines() if spawned.exists() else []
        return [tuple(json.loads(line)) for line in lines], told

    return start


@pytest.mark.parametrize("name", ROBOTS)
def test_drivers_are_started_as_the_robot_file_needs_them(name: str, started: Any) -> None:
    drivers, _ = started(name, robot_ip=ADDRESS)
    names = [driver for driver, _ in drivers]
    assert {driver: names.count(driver) for driver in names} == DRIVERS[name]
    topics = " ".join(topic for group in load_robot(name).providers.values() for topic in group)
    for driver, arguments in drivers:
        if driver == CAMERAS:
            # Launch arguments of one include are still there in the next one.
            parts = (arguments["camera_namespace"], arguments["camera_name"])
            assert "/" + "/".join(filter(None, parts)) + "/color/" in topics
        if "franka" in driver or "ur_" in driver or "xarm_controller" in driver:
            assert arguments["robot_ip"] == ADDRESS


@pytest.mark.parametrize(
    ("name", "given", "controllers"),
    [
        ("franka", {}, ["fr3_arm_controller"]),
        ("ur5e", {"gripper": "true"}, ["robotiq_gripper_controller robotiq_activation"]),
        ("ur5e", {}, []),
    ],
)
def test_controllers_that_a_driver_does_not_start_are_spawned(
    name: str, given: dict[str, str], controllers: list[str], started: Any
) -> None:
    _, spawned = started(name, robot_ip=ADDRESS, **given)
    assert len(spawned) == len(controllers)
    for line, expected in zip(spawned, controllers, strict=True):
        assert line.startswith(expected) and f"{name}/controllers.yaml" in line


@pytest.mark.parametrize("name", ROBOTS)
def test_controllers_are_those_that_the_robot_file_commands(name: str) -> None:
    path = share_file(f"config/robots/bringup/{name}/controllers.yaml")
    controllers = yaml.safe_load(path.read_text())
    for arm in load_robot(name).each_arm:
        controller = str(arm.commands.joint_position).rpartition("/")[0]
        parameters = controllers[controller]["ros__parameters"]
        grip = arm.commands.grip
        assert grip is not None
        assert parameters["joints"] == [*arm.joints, *([grip.joint] if grip.is_of_arm else [])]
        assert parameters["type"].endswith("JointTrajectoryController")
        if grip.type == "trajectory" and not grip.is_of_arm:
            own = controllers[grip.topic.rpartition("/")[0]]["ros__parameters"]
            assert own["joints"] == [grip.joint]
