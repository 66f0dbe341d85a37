"""Values of signals out of messages: a function for each way in which robots tell them.

Messages are any objects with the fields of their ROS type. To add a way is to add a function here
and its stream to `READERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.message_fields import from_pose
from groot_ros.robot import (
    ARRIVAL,
    GripStream,
    JointStream,
    PoseStream,
    SignalStream,
    StreamTime,
)

Array = NDArray[np.float64]

# Of what a message holds, so much is told.
SHOWN_NAMES, SHOWN_LENGTH = 32, 64

JOINT_STATE = "sensor_msgs/msg/JointState"
POSE = "geometry_msgs/msg/PoseStamped"
FLOAT = "std_msgs/msg/Float64"


@dataclass(frozen=True)
class SignalReader:
    """Reads the values of one signal out of messages of a type.

    `time` is how they tell theirs; `value` gives a value (N,), UserError says why a message has
    none.
    """

    type_name: str
    time: StreamTime
    value: Callable[[Any], Array]


def signal_reader(stream: SignalStream, base_frame: str) -> SignalReader:
    """What reads a stream of a robot file."""
    return READERS[type(stream)](stream, base_frame)


def _joints(stream: JointStream, base_frame: str) -> SignalReader:
    value = partial(_positions, stream.topic, stream.joints)
    return SignalReader(JOINT_STATE, stream.time, value)


def _grip(stream: GripStream, base_frame: str) -> SignalReader:
    if stream.joint is None:
        # A Float64 carries no time.
        time = StreamTime(ARRIVAL, stream.time.latency_s)
        return SignalReader(FLOAT, time, lambda message: _closure(stream, message.data))
    joints = (stream.joint,)
    return SignalReader(
        JOINT_STATE,
        stream.time,
        lambda message: _closure(stream, _positions(stream.topic, joints, message)[0]),
    )


def _pose(stream: PoseStream, base_frame: str) -> SignalReader:
    return SignalReader(POSE, stream.time, partial(_pose_in, base_frame))


READERS: dict[type[SignalStream], Callable[[Any, str], SignalReader]] = {
    JointStream: _joints,
    GripStream: _grip,
    PoseStream: _pose,
}


def _closure(stream: GripStream, raw: Any) -> Array:
    return np.asarray(stream.closure(float(raw)))


def _pose_in(base_frame: str, message: Any) -> Array:
    if message.header.frame_id.lstrip("/") != base_frame:
        frame = message.header.frame_id[:SHOWN_LENGTH]
        raise UserError(
            f"messages are in frame {frame!r}, the robot file's base_frame is {base_frame!r}"
        )
    return from_pose(message.pose)


def _positions(topic: str, joints: Sequence[str], message: Any) -> Array:
    try:
        return pick_joints(joints, message.name, message.position)
    except KeyError as missing:
        raise UserError(_no_joint(topic, missing, message)) from None
    except UserError as error:
        raise UserError(f"{topic}: {error}") from None


def pick_joints(joints: Sequence[str], names: Sequence[str], positions: Sequence[float]) -> Array:
    """Positions of `joints`, in their order, out of a message.

    KeyError names a missing joint, UserError one that the message names twice.
    """
    by_name = dict(zip(names, positions, strict=False))
    if len(by_name) < min(len(names), len(positions)):
        _check_names(joints, names, positions)
    return np.array([by_name[joint] for joint in joints], dtype=np.float64)


def _check_names(joints: Sequence[str], names: Sequence[str], positions: Sequence[float]) -> None:
    for joint in joints:
        found = {float(p) for n, p in zip(names, positions, strict=False) if n == joint}
        if len(found) > 1:
            raise UserError(
                f"messages name {joint} twice, with different positions: let one publisher do so"
            )


def _no_joint(topic: str, missing: KeyError, message: Any) -> str:
    if len(message.position) < len(message.name):
        return (
            f"{topic} has {len(message.name)} names but {len(message.position)} positions: check "
            "its publisher"
        )
    names = ", ".join(name[:SHOWN_LENGTH] for name in message.name[:SHOWN_NAMES])
    more = ", ..." if len(message.name) > SHOWN_NAMES else ""
    return f"{topic} has no joint {missing}, only {names}{more}: check the robot file"
