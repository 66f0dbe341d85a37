"""What is seen of a topic: names, ranges, sizes, rates, frames."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from groot_ros.cameras.catalog import CAMERA_TYPES, kind_of, message_to_rgb
from groot_ros.errors import UserError
from groot_ros.observation.fields import to_ns
from groot_ros.robot.camera_stream import CameraStream

# Of a stream so many numbers tell its range.
MOST_NUMBERS = 20_000
AXES = ("x", "y", "z")


@dataclass
class SeenTopic:
    """A topic and what its messages tell; `add` takes them, live ones and those of bags.

    `numbers` are by the name of a joint, by axis in m of a pose, by place of an array; times in ns
    are those of arrival. `publishers` and `subscribers` are nodes, empty of a bag. `behind_s` is
    how far stamps are behind arrivals.
    """

    name: str
    type_name: str
    count: int = 0
    rate_hz: float = 0.0
    publishers: tuple[str, ...] = ()
    subscribers: tuple[str, ...] = ()
    wants_latched: tuple[str, ...] = ()
    """Subscribers that hear only publishers whose messages stay."""
    numbers: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    """Width and height of pictures in pixels."""
    encoding: str = ""
    frame: str = ""
    parents: dict[str, str] = field(default_factory=dict)
    """Frames of transforms by those that hang on them."""
    text: str = ""
    behind_s: list[float] = field(default_factory=list)
    is_stamped: bool = True
    times_ns: list[int] = field(default_factory=list)

    @property
    def is_camera(self) -> bool:
        return self.type_name in CAMERA_TYPES

    def range(self, name: str) -> tuple[float, float] | None:
        """Least and largest number of a name; None where there was none."""
        values = [value for _, value in self.numbers.get(name, ()) if math.isfinite(value)]
        return (min(values), max(values)) if values else None

    def add(self, message: Any, arrival_ns: int) -> None:
        """Look at a message."""
        if len(self.times_ns) < MOST_NUMBERS:
            self.times_ns.append(arrival_ns)
        self._look_at_header(message, arrival_ns)
        if self.is_camera:
            self._look_at_picture(message)
            return
        for name, value in _numbers(message):
            kept = self.numbers.setdefault(name, [])
            if len(kept) < MOST_NUMBERS:
                kept.append((arrival_ns, value))
        for told in getattr(message, "transforms", ()):
            parent, child = told.header.frame_id.lstrip("/"), told.child_frame_id.lstrip("/")
            self.parents[child] = parent
        if isinstance(text := getattr(message, "data", None), str):
            self.text = text

    def finish(self, count: int, rate_hz: float = 0.0) -> None:
        """How many messages there were in all, and how many a second; 0: what was added tells."""
        self.count = count
        times_ns = self.times_ns
        if not rate_hz and len(times_ns) > 1 and times_ns[-1] > times_ns[0]:
            rate_hz = (len(times_ns) - 1) * 1e9 / (times_ns[-1] - times_ns[0])
        self.rate_hz = rate_hz

    def _look_at_header(self, message: Any, arrival_ns: int) -> None:
        header = getattr(message, "header", None)
        stamp = getattr(header, "stamp", None) or getattr(message, "timestamp", None)
        self.frame = getattr(header, "frame_id", "").lstrip("/") or self.frame
        if stamp is None:
            return
        stamp_ns = to_ns(stamp)
        self.is_stamped = stamp_ns != 0
        if stamp_ns and len(self.behind_s) < MOST_NUMBERS:
            self.behind_s.append((arrival_ns - stamp_ns) / 1e9)

    def _look_at_picture(self, message: Any) -> None:
        if self.size:
            return
        self.encoding = getattr(message, "encoding", "") or getattr(message, "format", "")
        if hasattr(message, "width") and hasattr(message, "height"):
            self.size = int(message.width), int(message.height)
        elif not kind_of(message).video(message):
            camera = CameraStream(topic=self.name, key="seen", compressed=True)
            try:
                picture = message_to_rgb(message, camera)
            except UserError:
                return
            self.size = picture.shape[1], picture.shape[0]


def _numbers(message: Any) -> Iterable[tuple[str, float]]:
    """The numbers of a message by name."""
    if hasattr(message, "joint_names"):
        for point in message.points:
            yield from zip(message.joint_names, map(float, point.positions), strict=False)
    elif hasattr(message, "position") and hasattr(message, "name"):
        yield from zip(message.name, map(float, message.position), strict=False)
    elif (place := _place(message)) is not None:
        yield from ((axis, float(getattr(place, axis))) for axis in AXES)
    elif hasattr(message, "data") and not isinstance(message.data, str | bytes):
        data = np.atleast_1d(np.asarray(message.data))
        if data.dtype.kind in "fiub" and data.ndim == 1 and len(data) <= 64:
            yield from ((str(index), float(value)) for index, value in enumerate(data))


def _place(message: Any) -> Any:
    """Where a pose or a transform is, None of other messages."""
    pose = getattr(message, "pose", None)
    pose = getattr(pose, "pose", pose)
    transform = getattr(message, "transform", None)
    return getattr(pose, "position", None) or getattr(transform, "translation", None)
