"""`groot-ros robot` and a running robot, the fake one: drafted, checked, moved a little."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml
from geometry_msgs.msg import PoseStamped
from graph import Graph, NodeProcess

from groot_ros.robot.config import load_robot
from groot_ros.share import share_file

Start = Callable[..., NodeProcess]
SIM = share_file("config/robots/sim.yaml")
LISTEN = ["--seconds", "4"]


def groot_ros(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "groot_ros.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def fake(graph: Graph, start: Start, robot: Path) -> None:
    node = start("fake_node", robot=robot, image_width=64, image_height=48, image_rate=10.0)
    assert graph.transition("/fake", "configure"), node.output
    assert graph.transition("/fake", "activate")


def test_a_running_robot_is_drafted_checked_and_moved_a_little(
    graph: Graph, start: Start, tmp_path: Path
) -> None:
    fake(graph, start, SIM)
    path = tmp_path / "mine.yaml"
    urdf = ["--urdf", "urdf/sim_arm.urdf"]
    urdf_alone = groot_ros("robot", "new", str(tmp_path / "alone.yaml"), *urdf)
    assert "not known: output.topic" in urdf_alone.stdout
    made = groot_ros("robot", "new", str(path), *LISTEN, "--set", "urdf=urdf/sim_arm.urdf")
    assert made.returncode == 0, made.stderr
    assert "not known: observations.grip.open" in made.stdout, made.stdout
    values = yaml.safe_load(path.read_text())
    values["observations"]["grip"] |= {"open": 0.04, "closed": 0.0}
    values["commands"]["grip"] |= {"open": 0.0, "closed": 1.0}
    path.write_text(yaml.safe_dump(values))
    robot = load_robot(path)
    assert robot.joints == load_robot("sim").joints
    assert robot.output_topic == "/target_pose" and robot.commands.joint_position
    assert set(robot.observations.cameras) == {"exterior", "wrist"}

    refused = groot_ros("robot", "check", str(path), "--wiggle", *LISTEN)
    assert refused.returncode == 2 and "has to be confirmed: add --yes" in refused.stderr
    asked = ["robot", "check", str(path), "--wiggle", "--yes", "--json", *LISTEN]
    checked = groot_ros(*asked)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    wiggle = json.loads(checked.stdout)["wiggle"]
    assert wiggle["axis"] == 2
    assert 0.5 * wiggle["asked"] < abs(wiggle["moved"]) < 1.5 * wiggle["asked"]
    assert 0.005 < wiggle["asked"] < 0.0105


def test_what_is_wrong_with_the_file_of_a_running_robot_stops_the_wiggle(
    graph: Graph, start: Start, tmp_path: Path
) -> None:
    fake(graph, start, SIM)
    graph.node.create_publisher(PoseStamped, "target_pose", 1)
    values = yaml.safe_load(SIM.read_text())
    values["base_frame"] = "fr3_link1"
    values["observations"]["cameras"]["wrist"]["topic"] = "wrist/image"
    values["observations"]["grip"]["joint"] = "finger"
    values["limits"]["joint_upper"][3] = -2.9
    del values["home"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values))
    checked = groot_ros("robot", "check", str(path), "--wiggle", "--yes", "--json", *LISTEN)
    assert checked.returncode == 1, checked.stderr
    assert "nothing is moved before what is wrong is mended" in checked.stderr
    findings = json.loads(checked.stdout)["findings"]
    found = "\n".join(f"{finding['key']}: {finding['sentence']}" for finding in findings)
    for sentence in (
        "cameras.wrist.topic: nobody publishes wrist/image: of its type there is /wrist/image_raw",
        "base_frame: is fr3_link1, but /ee_pose is in fr3_link0",
        "observations.grip.joint: joint_states has no finger",
        "publishes target_pose too, where the executor commands",
    ):
        assert sentence in found
