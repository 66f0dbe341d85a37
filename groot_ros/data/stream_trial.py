"""Whether the streams of a robot file can be read out of a bag, tried on their first messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from groot_ros.buffer import Decode
from groot_ros.cameras.catalog import found_type
from groot_ros.data.bag import Bag
from groot_ros.data.topics import absolute
from groot_ros.errors import UserError
from groot_ros.robot import RobotConfig
from groot_ros.stream_store import routes

# Video may begin between two key frames, which can be seconds apart.
MOST_MESSAGES = 300


@dataclass
class _Trial:
    """Stands in for an ObservationBuffer and only notes what could be used."""

    robot: RobotConfig
    fields: tuple[str, ...]
    cameras: tuple[str, ...]
    read: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)

    def add_ee_pose(self, stamp_ns: int, pose: Any) -> None:
        self.read.add("ee_pose")

    def add_joint_position(self, stamp_ns: int, position: Any) -> None:
        self.read.add("joint_position")

    def add_grip(self, stamp_ns: int, closure: float) -> None:
        self.read.add("grip")

    def add_image(self, camera: str, stamp_ns: int, decode: Decode) -> None:
        try:
            decode()
        except UserError as error:
            self.report(camera, str(error))
        else:
            self.read.add(camera)

    def report(self, stream: str, problem: str) -> None:
        self.problems[stream] = problem


def unreadable_streams(bag: Bag, robot: RobotConfig, namespace: str) -> Iterator[str]:
    """Streams of which no message can be used, and why; those that the bag lacks are left out."""
    trial = _Trial(robot, robot.observations.states, tuple(robot.observations.cameras))
    for route in routes(trial):
        name = absolute(route.topic, namespace)
        if (info := bag.topics.get(name)) is None:
            continue
        kind = found_type(route.type_name, info.counts) if route.is_camera else route.type_name
        if obstacle := bag.obstacle(name):
            trial.problems |= dict.fromkeys(route.streams, f"{name} cannot be read, {obstacle}")
        else:
            for _, arrival_ns, message in islice(bag.messages({name: kind}), MOST_MESSAGES):
                route.store(message, arrival_ns)
                if trial.read.issuperset(route.streams):
                    break
        for stream in set(route.streams) & set(trial.problems) - trial.read:
            prefix = "camera " if route.is_camera else ""
            yield f"{prefix}{stream}: {trial.problems[stream]}"
