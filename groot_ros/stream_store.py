"""From messages to an ObservationBuffer: the same code for live topics and for bags.

Messages are any objects with the fields of their ROS type.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.buffer import Decode, pick_joints
from groot_ros.errors import UserError
from groot_ros.image_messages import message_to_rgb
from groot_ros.message_fields import from_pose, to_ns
from groot_ros.robot import GripStream, JointStream, RobotConfig

Store = Callable[[Any, int], None]
"""Takes a message and the time of its arrival in ns."""

# Of what a message holds, so much is told.
SHOWN_NAMES, SHOWN_LENGTH = 32, 64

JOINT_STATE = "sensor_msgs/msg/JointState"
POSE = "geometry_msgs/msg/PoseStamped"
FLOAT = "std_msgs/msg/Float64"
IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"


class Sink(Protocol):
    """What an ObservationBuffer offers to those who fill it."""

    robot: RobotConfig

    @property
    def fields(self) -> tuple[str, ...]: ...
    @property
    def cameras(self) -> tuple[str, ...]: ...
    def add_ee_pose(self, stamp_ns: int, pose: NDArray[np.float64]) -> None: ...
    def add_joint_position(self, stamp_ns: int, position: NDArray[np.float64]) -> None: ...
    def add_grip(self, stamp_ns: int, closure: float) -> None: ...
    def add_image(self, camera: str, stamp_ns: int, decode: Decode) -> None: ...
    def report(self, stream: str, problem: str) -> None: ...


@dataclass(frozen=True)
class Route:
    """Where the messages of a topic go; `streams` are the names of what they feed."""

    topic: str
    type_name: str
    streams: tuple[str, ...]
    store: Store
    is_camera: bool = False


def routes(buffer: Sink) -> list[Route]:
    """The topics that feed a buffer; pictures are decoded when they are wanted."""
    streams = buffer.robot.observations
    found: list[Route] = []
    if "joint_position" in buffer.fields and (joints := streams.joint_position):
        store = partial(_store_joints, buffer, joints)
        found.append(Route(joints.topic, JOINT_STATE, ("joint_position",), store))
    if "grip" in buffer.fields and (grip := streams.grip):
        found.append(_grip_route(buffer, grip))
    if "ee_pose" in buffer.fields and (pose := streams.ee_pose):
        found.append(Route(pose.topic, POSE, ("ee_pose",), partial(_store_pose, buffer)))
    merged = _merged(found)
    for name in buffer.cameras:
        camera = streams.cameras[name]
        kind = COMPRESSED_IMAGE if camera.compressed else IMAGE
        store = partial(_store_image, buffer, name, camera.encoding)
        merged.append(Route(camera.topic, kind, (name,), store, is_camera=True))
    return merged


def _grip_route(buffer: Sink, stream: GripStream) -> Route:
    if stream.joint is None:
        return Route(stream.topic, FLOAT, ("grip",), partial(_store_grip, buffer, stream))
    store = partial(_store_grip_joint, buffer, stream, stream.joint)
    return Route(stream.topic, JOINT_STATE, ("grip",), store)


def _merged(found: list[Route]) -> list[Route]:
    """One route for each topic and type."""
    merged: dict[tuple[str, str], Route] = {}
    for route in found:
        key = (route.topic, route.type_name)
        if other := merged.get(key):
            streams = (*other.streams, *route.streams)
            both = partial(_store_both, other.store, route.store)
            merged[key] = Route(*key, streams, both)
        else:
            merged[key] = route
    return list(merged.values())


def _store_both(first: Store, second: Store, message: Any, arrival_ns: int) -> None:
    first(message, arrival_ns)
    second(message, arrival_ns)


def _stamp_ns(buffer: Sink, stream: str, message: Any) -> int:
    stamp_ns = to_ns(message.header.stamp)
    if stamp_ns == 0:
        buffer.report(
            stream, "messages carry no time (header.stamp is 0): let the driver stamp them"
        )
    return stamp_ns


def _store_joints(buffer: Sink, stream: JointStream, message: Any, arrival_ns: int) -> None:
    if stamp_ns := _stamp_ns(buffer, "joint_position", message):
        try:
            position = pick_joints(stream.joints, message.name, message.position)
        except KeyError as missing:
            buffer.report("joint_position", _no_joint(stream.topic, missing, message))
        except UserError as error:
            buffer.report("joint_position", f"{stream.topic}: {error}")
        else:
            buffer.add_joint_position(stamp_ns, position)


def _store_grip_joint(
    buffer: Sink, stream: GripStream, joint: str, message: Any, arrival_ns: int
) -> None:
    if stamp_ns := _stamp_ns(buffer, "grip", message):
        try:
            raw = pick_joints([joint], message.name, message.position)[0]
        except KeyError as missing:
            buffer.report("grip", _no_joint(stream.topic, missing, message))
        except UserError as error:
            buffer.report("grip", f"{stream.topic}: {error}")
        else:
            buffer.add_grip(stamp_ns, stream.closure(float(raw)))


def _store_grip(buffer: Sink, stream: GripStream, message: Any, arrival_ns: int) -> None:
    buffer.add_grip(arrival_ns, stream.closure(float(message.data)))


def _store_pose(buffer: Sink, message: Any, arrival_ns: int) -> None:
    base = buffer.robot.base_frame
    if message.header.frame_id.lstrip("/") != base:
        frame = message.header.frame_id[:SHOWN_LENGTH]
        buffer.report(
            "ee_pose",
            f"messages are in frame {frame!r}, the robot file's base_frame is {base!r}",
        )
    elif stamp_ns := _stamp_ns(buffer, "ee_pose", message):
        buffer.add_ee_pose(stamp_ns, from_pose(message.pose))


def _store_image(buffer: Sink, camera: str, encoding: str, message: Any, arrival_ns: int) -> None:
    if stamp_ns := _stamp_ns(buffer, camera, message):
        buffer.add_image(camera, stamp_ns, partial(message_to_rgb, message, encoding))


def _no_joint(topic: str, missing: KeyError, message: Any) -> str:
    if len(message.position) < len(message.name):
        return (
            f"{topic} has {len(message.name)} names but {len(message.position)} positions: check "
            "its publisher"
        )
    names = ", ".join(name[:SHOWN_LENGTH] for name in message.name[:SHOWN_NAMES])
    more = ", ..." if len(message.name) > SHOWN_NAMES else ""
    return f"{topic} has no joint {missing}, only {names}{more}: check the robot file"
