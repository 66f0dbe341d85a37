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
from groot_ros.observation.fields import from_pose
from groot_ros.robot.stream_time import ARRIVAL, StreamTime
from groot_ros.robot.streams import (
    ARRAY,
    EFFORT,
    TWIST,
    VELOCITY,
    WRENCH,
    GripStream,
    JointStream,
    PoseStream,
    SignalStream,
    VectorStream,
)

Array = NDArray[np.float64]

# Of what a message holds, so much is told.
SHOWN_NAMES, SHOWN_LENGTH = 32, 64

JOINT_STATE = "sensor_msgs/msg/JointState"
POSE = "geometry_msgs/msg/PoseStamped"
FLOAT = "std_msgs/msg/Float64"
FLOAT32 = "std_msgs/msg/Float32"
FLOATS = "std_msgs/msg/Float64MultiArray"
FLOATS32 = "std_msgs/msg/Float32MultiArray"
WRENCH_STAMPED = "geometry_msgs/msg/WrenchStamped"
TWIST_STAMPED = "geometry_msgs/msg/TwistStamped"
PLURALS = {"position": "positions", "velocity": "velocities", "effort": "efforts"}


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
    value = partial(_of_joints, stream.topic, stream.joints, "position")
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
        lambda message: _closure(stream, _of_joints(stream.topic, joints, "position", message)[0]),
    )


def _pose(stream: PoseStream, base_frame: str) -> SignalReader:
    return SignalReader(POSE, stream.time, partial(_pose_in, base_frame))


def _vector(stream: VectorStream, base_frame: str) -> SignalReader:
    read: dict[str, tuple[str, Callable[[Any], Array]]] = {
        WRENCH: (WRENCH_STAMPED, lambda m: _both(m.wrench.force, m.wrench.torque)),
        TWIST: (TWIST_STAMPED, lambda m: _both(m.twist.linear, m.twist.angular)),
        EFFORT: (JOINT_STATE, partial(_of_joints, stream.topic, stream.names, "effort")),
        VELOCITY: (JOINT_STATE, partial(_of_joints, stream.topic, stream.names, "velocity")),
        ARRAY: (FLOATS, partial(_array, stream)),
    }
    type_name, value = read[stream.type]
    return SignalReader(type_name, stream.time, value)


READERS: dict[type[SignalStream], Callable[[Any, str], SignalReader]] = {
    JointStream: _joints,
    GripStream: _grip,
    PoseStream: _pose,
    VectorStream: _vector,
}


def _closure(stream: GripStream, raw: Any) -> Array:
    return np.asarray(stream.closure(float(raw)))


def number_at(numbers: Sequence[float], index: int | None, key: str) -> float:
    """The number of an array at an index, None for the only one; UserError names the index's key
    in the robot file."""
    if index is None and len(numbers) != 1:
        raise UserError(
            f"messages have {len(numbers)} numbers, expected one: say which with {key} of the "
            "robot file (the first one is 0)"
        )
    if (index or 0) >= len(numbers):
        raise UserError(
            f"messages have {len(numbers)} numbers, expected more than {index}, which is {key} "
            "of the robot file (the first one is 0)"
        )
    return float(numbers[index or 0])


def _both(first: Any, second: Any) -> Array:
    numbers = first.x, first.y, first.z, second.x, second.y, second.z
    return np.array(numbers, dtype=np.float64)


def _array(stream: VectorStream, message: Any) -> Array:
    numbers = np.array(message.data, dtype=np.float64)
    if len(numbers) != len(stream.names):
        raise UserError(
            f"{stream.topic} has {len(numbers)} numbers, the robot file names "
            f"{len(stream.names)}: check its names"
        )
    return numbers


def _pose_in(base_frame: str, message: Any) -> Array:
    if message.header.frame_id.lstrip("/") != base_frame:
        frame = message.header.frame_id[:SHOWN_LENGTH]
        raise UserError(
            f"messages are in frame {frame!r}, the robot file's base_frame is {base_frame!r}"
        )
    return from_pose(message.pose)


def _of_joints(topic: str, joints: Sequence[str], field: str, message: Any) -> Array:
    numbers = getattr(message, field)
    try:
        return pick_joints(joints, message.name, numbers)
    except KeyError as missing:
        if len(numbers) < len(message.name):
            raise UserError(
                f"{topic} has {len(message.name)} names but {len(numbers)} {PLURALS[field]}: "
                "check its publisher"
            ) from None
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
    names = ", ".join(name[:SHOWN_LENGTH] for name in message.name[:SHOWN_NAMES])
    more = ", ..." if len(message.name) > SHOWN_NAMES else ""
    return f"{topic} has no joint {missing}, only {names}{more}: check the robot file"
