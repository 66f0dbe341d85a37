"""What a bag lends to a fake robot: its pictures, and where its arm was in the beginning."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from groot_ros.cameras.catalog import kind_of
from groot_ros.data.bags.reader import Bag, open_bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.clocks.clocks import stamps_behind_ns
from groot_ros.data.playback.topics import find_streams
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.observation.routes import Route, routes
from groot_ros.robot.config import RobotConfig
from groot_ros.sim.fake.arms import AnyState, state_of

# Between the last picture of a bag and its first one again.
PAUSE_NS = 33_000_000


class BagPictures:
    """The messages of a bag's cameras at their times, over and over."""

    def __init__(self, path: Path, robot: RobotConfig) -> None:
        """BagError for a camera of the robot file that the bag does not hold, or as video."""
        self._bag = Bag(path)
        buffer = ObservationBuffer(robot, fields=(), cameras=robot.observations.cameras)
        self._topics = _topics(self._bag, buffer)
        self.types = {route.streams[0]: route.type_name for route in self._topics.values()}
        """Message types by camera."""
        self._check_no_video()
        self._messages = self._endless()
        self._next = next(self._messages, None)
        if self._next is None:
            raise BagError(f"bag {path} has the topics of the cameras, but not one picture")

    def _check_no_video(self) -> None:
        for topic, type_name in _types(self._topics).items():
            for *_, message in islice(self._bag.messages({topic: type_name}), 1):
                if video := kind_of(message).video(message):
                    raise BagError(
                        f"{topic} of bag {self._bag.path} is video ({video}), which a fake robot "
                        "cannot begin again: give a bag of single pictures"
                    )

    def _endless(self) -> Iterator[tuple[int, str, Any]]:
        """Time since the beginning in ns, camera and message."""
        offset_ns = 0
        while True:
            first_ns = time_ns = -1
            for topic, arrival_ns, message in self._bag.messages(_types(self._topics)):
                first_ns = arrival_ns if first_ns < 0 else first_ns
                time_ns = offset_ns + arrival_ns - first_ns
                yield time_ns, self._topics[topic].streams[0], message
            if first_ns < 0:
                return
            offset_ns = time_ns + PAUSE_NS

    def take(self, elapsed_ns: int) -> dict[str, Any]:
        """By camera the newest message that has become due since the last call."""
        found = {}
        while self._next and self._next[0] <= elapsed_ns:
            _, camera, message = self._next
            found[camera] = message
            self._next = next(self._messages, None)
        return found

    def close(self) -> None:
        self._messages = iter(())
        self._bag.close()


def starting_state(path: Path, robot: RobotConfig) -> AnyState:
    """The arm's state in a bag at the first time at which all its signals are known.

    BagError for a signal of the robot file that the bag does not hold.
    """
    fields = tuple(robot.observations.signals)
    buffer = ObservationBuffer(robot, fields, cameras=())
    with open_bag(path) as bag:
        behind_ns = stamps_behind_ns(bag, _topics(bag, buffer), bag.start_ns, bag.end_ns)
        topics = _topics(bag, buffer, behind_ns)
        for topic, arrival_ns, message in bag.messages(_types(topics)):
            topics[topic].store(message, arrival_ns)
            try:
                state = {name: buffer.newest_state(name, arrival_ns) for name in fields}
            except NotReady as reason:
                missing = str(reason)
                continue
            return state_of(robot, state)
    raise BagError(f"bag {path} never tells where the arm is: {missing if topics else 'no topic'}")


def _types(topics: dict[str, Route]) -> dict[str, str]:
    return {topic: route.type_name for topic, route in topics.items()}


def _topics(bag: Bag, buffer: ObservationBuffer, behind_ns: int = 0) -> dict[str, Route]:
    namespace = bag.info.namespace if bag.info else "/"
    return find_streams(bag, routes(buffer, behind_ns), namespace)
