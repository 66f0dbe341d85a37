"""Whether the streams of a robot file can be read out of a bag, tried on their first messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from groot_ros.cameras.kind import Decode
from groot_ros.data.bags.reader import Bag
from groot_ros.data.playback.label_tracks import make_track
from groot_ros.data.playback.replay import StateCollector
from groot_ros.data.playback.topics import held_label, held_streams, labelled
from groot_ros.errors import UserError
from groot_ros.observation.routes import routes
from groot_ros.robot.config import RobotConfig

# Video may begin between two key frames, which can be seconds apart.
MOST_MESSAGES = 300


@dataclass
class _Trial(StateCollector):
    """Notes what could be used."""

    pictures: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def read(self) -> set[str]:
        return {*self.samples, *self.pictures}

    def add_image(self, camera: str, stamp_ns: int, decode: Decode) -> None:
        try:
            decode()
        except UserError as error:
            self.report(camera, str(error))
        else:
            self.pictures.add(camera)

    def report(self, stream: str, problem: str) -> None:
        self.problems[stream] = problem


def unreadable_streams(bag: Bag, robot: RobotConfig, namespace: str) -> Iterator[str]:
    """Streams of which no message can be used, and why; those that the bag lacks are left out."""
    trial = _Trial(robot, tuple(robot.observations.signals), tuple(robot.observations.cameras))
    streams = held_streams(bag, routes(trial), namespace)
    # What was said before makes others readable.
    for name, route in sorted(streams.items(), key=lambda item: not item[1].is_latched):
        if obstacle := bag.obstacle(name):
            trial.problems |= dict.fromkeys(route.streams, f"{name} cannot be read, {obstacle}")
        else:
            messages = bag.messages({name: route.type_name})
            for _, arrival_ns, message in islice(messages, MOST_MESSAGES):
                route.store(message, arrival_ns)
                if trial.read.issuperset(route.streams):
                    break
    for stream, problem in trial.problems.items():
        if stream not in trial.read:
            yield f"{'camera ' if stream in trial.cameras else ''}{stream}: {problem}"


def unreadable_labels(bag: Bag, robot: RobotConfig, namespace: str) -> Iterator[str]:
    """Commands of which no message can be used, and why; those that the bag lacks are left out."""
    for spec, label in labelled(robot).items():
        if (found := held_label(bag, robot, spec=spec, label=label, namespace=namespace)) is None:
            continue
        if obstacle := bag.obstacle(found.topic):
            yield f"{label.key}: {found.topic} cannot be read, {obstacle}"
            continue
        track = make_track(found)
        for _, arrival_ns, message in islice(
            bag.messages({found.topic: found.type_name}), MOST_MESSAGES
        ):
            track.take(message, arrival_ns)
            if track.first_ns is not None:
                break
        if missing := track.missing:
            yield f"{label.key}: {missing}"
