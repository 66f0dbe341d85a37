"""From messages to an ObservationBuffer: the same code for live topics and for bags.

Messages are any objects with the fields of their ROS type.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.catalog import CAMERA_TYPES, expected_type, kind_of, message_to_rgb
from groot_ros.cameras.kind import Decode, Picture
from groot_ros.cameras.video import VideoDecoder
from groot_ros.errors import UserError
from groot_ros.observation.fields import from_transform, to_ns
from groot_ros.observation.joint_parts import JointParts
from groot_ros.observation.signal_messages import (
    TRANSFORMS,
    SignalReader,
    moved_by,
    signal_readers,
)
from groot_ros.observation.transforms import TransformTree
from groot_ros.robot.camera_stream import CameraStream
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.forward_kinematics import ForwardKinematics
from groot_ros.robot.kinematics import pose_kinematics
from groot_ros.robot.observations import SignalStream
from groot_ros.robot.pose_stream import TF, TF_STATIC, ComputedPose, TransformStream
from groot_ros.robot.stream_time import ARRIVAL, HEADER, StreamTime
from groot_ros.robot.urdf import load_urdf, parse_urdf
from groot_ros.signals.kinds import POSE

STRING = "std_msgs/msg/String"
DESCRIPTION_TOPIC = "robot_description"
Store = Callable[[Any, int], None]
"""Takes a message and the time of its arrival in ns."""

_Whole = Callable[[Any, int], Iterable[tuple[int, Any]]]
"""Makes whole messages, with their times in ns, out of one and its time."""


class Sink(Protocol):
    """What an ObservationBuffer offers to those who fill it."""

    robot: RobotConfig

    @property
    def fields(self) -> tuple[str, ...]: ...
    @property
    def cameras(self) -> tuple[str, ...]: ...
    def add(self, name: str, stamp_ns: int, value: NDArray[np.float64]) -> None: ...
    def add_image(self, camera: str, stamp_ns: int, decode: Decode) -> None: ...
    def report(self, stream: str, problem: str) -> None: ...


@dataclass(frozen=True)
class Route:
    """Where the messages of a topic go; `streams` are the names of what they feed."""

    topic: str
    type_name: str
    """Of a camera what is expected; its messages tell themselves what they are."""
    streams: tuple[str, ...]
    store: Store
    decoder: VideoDecoder | None = None
    """Of a camera, should it send video. Only `store` uses it, so that one thread must do that."""
    clock: str = HEADER
    """Header where the stamps of one stream or more count, else arrival."""
    others: Mapping[str, Store] = field(default_factory=dict)
    """Of a state, by the other types that its topic may have."""
    is_latched: bool = False
    """What was said before counts too; nothing may have been said at all."""

    @property
    def is_camera(self) -> bool:
        """Whether the topic is a camera's."""
        return self.decoder is not None

    @property
    def types(self) -> tuple[str, ...]:
        """Message types that its topic may have to feed it."""
        return CAMERA_TYPES if self.is_camera else (self.type_name, *self.others)

    def among(self, found: Container[str]) -> Route | None:
        """The route with the first of its types that was found; None where none was."""
        held = next((name for name in self.types if name in found), "")
        return self.of_type(held) if held else None

    def of_type(self, type_name: str) -> Route:
        """The route with one of its types alone."""
        store = self.others.get(type_name, self.store)
        return replace(self, type_name=type_name, store=store, others={})


def routes(buffer: Sink, behind_ns: int = 0) -> list[Route]:
    """The topics that feed a buffer; pictures are decoded when they are wanted.

    The clock of all headers is `behind_ns` behind that of the arrivals.
    """
    streams = buffer.robot.observations
    found: list[Route] = []
    for name, stream in streams.signals.items():
        if name in buffer.fields:
            found += _signal_routes(buffer, name, stream, behind_ns)
    topics = merged(found)
    for name in buffer.cameras:
        camera, decoder = streams.cameras[name], VideoDecoder()
        # The buffer knows the latency of cameras.
        time = _Time(StreamTime(camera.clock), behind_ns)
        store = partial(_store_image, buffer, name, camera, time, decoder)
        kind = expected_type(camera)
        topics.append(
            Route(
                topic=camera.topic,
                type_name=kind,
                streams=(name,),
                store=store,
                decoder=decoder,
                clock=camera.clock,
            )
        )
    return topics


def _signal_routes(buffer: Sink, name: str, stream: SignalStream, behind_ns: int) -> list[Route]:
    robot = buffer.robot.arm_of(name)
    time = _Time(stream.time, behind_ns)
    if isinstance(stream, TransformStream):
        return _transform_routes(buffer, name, stream, time)
    if isinstance(stream, ComputedPose):
        described, readers = _computed(buffer, name, stream)
    else:
        described, readers = [], signal_readers(stream, robot.base_frame)
    stores = {
        type_name: partial(
            _store_signal,
            buffer,
            name,
            _whole(reader, stream.max_age_s),
            reader,
            _Time(reader.time, behind_ns),
        )
        for type_name, reader in readers.items()
    }
    first, *others = stores
    rest = {type_name: stores[type_name] for type_name in others}
    clock = readers[first].time.clock
    route = Route(stream.topic, first, (name,), stores[first], clock=clock, others=rest)
    return [*described, route]


def _computed(
    buffer: Sink, name: str, stream: ComputedPose
) -> tuple[list[Route], dict[str, SignalReader]]:
    """What reads the pose of a link by the joints; without a file the arm's description comes on
    a topic."""
    robot = buffer.robot.arm_of(name)
    path = stream.urdf or robot.urdf
    joints = robot.observations.joint_position
    assert joints, "the robot file was checked for it"
    [reader] = signal_readers(joints, robot.base_frame).values()
    known: list[ForwardKinematics] = []

    def value(message: Any) -> NDArray[np.float64]:
        if not known:
            raise UserError(
                f"the arm's description has not come on {DESCRIPTION_TOPIC}: name a URDF file at "
                "observations.ee_pose.urdf of the robot file"
            )
        return moved_by(stream, known[0].poses(reader.value(message))[0])

    def describe(message: Any, arrival_ns: int) -> None:
        try:
            known[:] = [pose_kinematics(robot, stream.link, parse_urdf(message.data))]
        except UserError as error:
            buffer.report(name, f"{DESCRIPTION_TOPIC}: {error}")

    readers = {reader.type_name: replace(reader, time=stream.time, value=value)}
    if path:
        known.append(pose_kinematics(robot, stream.link, load_urdf(path)))
        return [], readers
    route = Route(DESCRIPTION_TOPIC, STRING, (name,), describe, clock=ARRIVAL, is_latched=True)
    return [route], readers


def _transform_routes(
    buffer: Sink, name: str, stream: TransformStream, time: _Time
) -> list[Route]:
    """Static transforms first: what hangs on them is told by the others."""
    tree = TransformTree()
    store = partial(_store_transforms, buffer, name, stream, time, tree)
    return [
        Route(
            topic,
            TRANSFORMS,
            (name,),
            partial(store, is_static),
            clock=ARRIVAL,
            is_latched=is_static,
        )
        for topic, is_static in ((TF_STATIC, True), (TF, False))
    ]


def _store_transforms(
    buffer: Sink,
    name: str,
    stream: TransformStream,
    time: _Time,
    tree: TransformTree,
    is_static: bool,
    message: Any,
    arrival_ns: int,
) -> None:
    for told in message.transforms:
        stamp_ns = 1 if is_static else time.of(buffer, name, told, arrival_ns)
        pose = from_transform(told.transform)
        if stamp_ns and POSE.is_usable(pose):
            parent, child = told.header.frame_id.lstrip("/"), told.child_frame_id.lstrip("/")
            tree.add(parent, child, time_ns=stamp_ns, pose=pose, is_static=is_static)
    if is_static:
        return
    try:
        found_ns, pose = tree.pose(buffer.robot.arm_of(name).base_frame, stream.link)
    except UserError as error:
        buffer.report(name, str(error))
    else:
        buffer.add(name, found_ns, moved_by(stream, pose))


def merged(found: Iterable[Route]) -> list[Route]:
    """One route for each topic and type, of routes of states."""
    by_topic: dict[tuple[str, str], Route] = {}
    for route in found:
        key = (route.topic, route.type_name)
        if other := by_topic.get(key):
            streams = (*other.streams, *route.streams)
            both = partial(_store_both, other.store, route.store)
            clock = HEADER if HEADER in (other.clock, route.clock) else ARRIVAL
            rest = {
                name: partial(_store_both, store, route.others[name])
                for name, store in other.others.items()
                if name in route.others
            }
            by_topic[key] = Route(
                *key, streams, both, clock=clock, others=rest, is_latched=other.is_latched
            )
        else:
            by_topic[key] = route
    return list(by_topic.values())


def _store_both(first: Store, second: Store, message: Any, arrival_ns: int) -> None:
    first(message, arrival_ns)
    second(message, arrival_ns)


def header_ns(message: Any, behind_ns: int = 0) -> int:
    """Stamp of a message in ns, on the clock of the arrivals; 0 where it has none.

    Those of Foxglove have a `timestamp` in place of a header.
    """
    has_header = hasattr(message, "header")
    stamp_ns = to_ns(message.header.stamp if has_header else message.timestamp)
    return stamp_ns + behind_ns if stamp_ns else 0


@dataclass(frozen=True)
class _Time:
    time: StreamTime
    behind_ns: int

    def of(self, buffer: Sink, stream: str, message: Any, arrival_ns: int) -> int:
        by_header = self.time.clock == HEADER
        stamp_ns = header_ns(message, self.behind_ns) if by_header else 0
        time_ns = self.time.of(stamp_ns, arrival_ns)
        if time_ns == 0:
            buffer.report(
                stream,
                "messages carry no time (header.stamp is 0): let the driver stamp them, or set "
                "clock: arrival at it in the robot file",
            )
        return time_ns


def _store_signal(
    buffer: Sink,
    name: str,
    whole: _Whole,
    reader: SignalReader,
    time: _Time,
    message: Any,
    arrival_ns: int,
) -> None:
    if stamp_ns := time.of(buffer, name, message, arrival_ns):
        try:
            for time_ns, told in whole(message, stamp_ns):
                buffer.add(name, time_ns, reader.value(told))
        except UserError as error:
            buffer.report(name, str(error))


def _whole(reader: SignalReader, max_age_s: float) -> _Whole:
    if reader.joints:
        return JointParts(reader.joints, max_age_s).take
    return lambda message, time_ns: ((time_ns, message),)


def _store_image(
    buffer: Sink,
    name: str,
    camera: CameraStream,
    time: _Time,
    decoder: VideoDecoder,
    message: Any,
    arrival_ns: int,
) -> None:
    stamp_ns = time.of(buffer, name, message, arrival_ns)
    if video := kind_of(message).video(message):
        # Also without a time: what follows is made of it.
        for picture_ns, decode in decoder.take(video, bytes(message.data), stamp_ns):
            if picture_ns:
                buffer.add_image(name, picture_ns, partial(_viewed, camera, decode))
        if decoder.problem:
            buffer.report(name, decoder.problem)
    elif stamp_ns:
        decode = partial(message_to_rgb, message, camera)
        buffer.add_image(name, stamp_ns, partial(_viewed, camera, decode))


def _viewed(camera: CameraStream, decode: Decode) -> Picture:
    return camera.view.of(decode())
