"""What a fake robot's topics show when policy, executor and fake agree on a robot file."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from graph import Graph
from sensor_msgs.msg import JointState

from groot_ros.observation.fields import from_pose
from groot_ros.robot.commands import GRIPPER_COMMAND
from groot_ros.robot.config import load_robot, robot_path
from groot_ros.signals.signals import EE_POSE
from groot_ros.sim.fake.links import robot_links

# Three processes start one after the other, on a machine that may have much else to do.
LIMIT_S = 300.0


def commanded_file(name: str, resources: ExitStack) -> Path:
    """The shipped file; where control_msgs is not installed a copy whose gripper is commanded by
    numbers in the place of its action."""
    path, grip = robot_path(name), load_robot(name).commands.grip
    if grip is None or grip.type != GRIPPER_COMMAND or find_spec("control_msgs"):
        return path
    folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
    copy = folder / path.name
    copy.write_text(path.read_text().replace(f"type: {GRIPPER_COMMAND}", "type: float64"))
    return copy


def assert_it_moves(graph: Graph, robot: Path, namespace: str = "") -> None:
    """The arm follows, every link of the file carries commands, and nobody is missing."""
    config = load_robot(robot)
    found = graph.collect(DiagnosticArray, "/diagnostics")
    followed = config.followed[0]
    is_pose = config.arm_of(followed).output.signal == EE_POSE
    stream = config.observations.signals[followed]
    topic = stream.topic if stream.topic.startswith("/") else f"{namespace}/{stream.topic}"
    seen = graph.collect(PoseStamped if is_pose else JointState, topic)

    def moved() -> bool:
        values = [from_pose(m.pose) if is_pose else np.array(m.position) for m in seen]
        return bool(values and np.abs(values[-1] - values[0])[:3].max() > 0.01)

    graph.wait_for(moved, "the arm to follow", LIMIT_S)
    name = f"{namespace}/fake"

    def status() -> dict[str, str]:
        statuses = [s for array in found for s in array.status if s.name == name]
        return {v.key: v.value for v in statuses[-1].values} if statuses else {}

    for link in robot_links(config):
        if link.is_sent:
            graph.wait_for(
                lambda key=link.topic: int(status().get(f"commands on {key}", "0")) > 0,
                f"commands on {link.topic}",
                LIMIT_S,
            )

    def problem() -> str:
        statuses = [s for array in found for s in array.status if s.name == name]
        return str(statuses[-1].message)

    graph.wait_for(lambda: problem() == "ok", "somebody at every end", LIMIT_S)
