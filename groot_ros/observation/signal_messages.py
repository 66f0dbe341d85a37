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
from groot_ros.geometry import invert, matrix_to_pose, pose_to_matrix
from groot_ros.observation.fields import from_pose, from_transform
from groot_ros.observation.joint_parts import JointNumbers
from groot_ros.robot.observations import SignalStream
from groot_ros.robot.pose_stream import PoseStream
from groot_ros.robot.stream_time import ARRIVAL, StreamTime
from groot_ros.robot.streams import (
    ARRAY,
    EFFORT,
    TWIST,
    VELOCITY,
    WRENCH,
    GripStream,
    JointStream,
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
BOOL = "std_msgs/msg/Bool"
TRANSFORM = "geometry_msgs/msg/TransformStamped"
TRANSFORMS = "tf2_msgs/msg/TFMessage"
ODOMETRY = "nav_msgs/msg/Odometry"
WRENCH_STAMPED = "geometry_msgs/msg/WrenchStamped"
TWIST_STAMPED = "geometry_msgs/msg/TwistStamped"
PLURALS = {"position": "positions", "velocity": "velocities", "effort": "efforts"}


@dataclass(frozen=True)
class SignalReader:
    """Reads the values of one signal out of messages of a type.

    `time` is how they tell theirs; `value` gives a value (N,), UserError says why a message has
    none. `joints` are what it reads of joint states, of which several may tell it together.
    """

    type_name: str
    time: StreamTime
    value: Callable[[Any], Array]
    joints: JointNumbers | None = None


def signal_readers(stream: SignalStream, base_frame: str) -> dict[str, SignalReader]:
    """What reads a stream of a robot file, by the types that its topic may have, the one that
    robots send most first."""
    return {reader.type_name: reader for reader in READERS[type(stream)](stream, base_frame)}


def _joints(stream: JointStream, base_frame: str) -> list[SignalReader]:
    numbers = JointNumbers(stream.joints, "position")
    value = partial(_of_joints, stream.topic, numbers)
    return [SignalReader(JOINT_STATE, stream.time, value, numbers)]


def _grip(stream: GripStream, base_frame: str) -> list[SignalReader]:
    if stream.joint is None:
        # These carry no time.
        time = StreamTime(ARRIVAL, stream.time.latency_s)
        number = partial(_closure_of, stream, lambda message: message.data)
        numbers = partial(_closure_of, stream, partial(_number_of, stream))
        return [
            *(SignalReader(name, time, number) for name in (FLOAT, FLOAT32, BOOL)),
            *(SignalReader(name, time, numbers) for name in (FLOATS, FLOATS32)),
        ]
    read = partial(_of_joints, stream.topic, JointNumbers((stream.joint,), "position"))
    value = partial(_closure_of, stream, lambda message: read(message)[0])
    return [SignalReader(JOINT_STATE, stream.time, value)]


def _number_of(stream: GripStream, message: Any) -> float:
    return number_at(message.data, stream.index, "observations.grip.index")


def _closure_of(stream: GripStream, raw: Callable[[Any], Any], message: Any) -> Array:
    return np.asarray(stream.closure(float(raw(message))))


def _pose(stream: PoseStream, base_frame: str) -> list[SignalReader]:
    def of(found: Callable[[Any], Array]) -> Callable[[Any], Array]:
        return lambda message: moved_by(stream, found(in_frame(message, base_frame)))

    return [
        SignalReader(POSE, stream.time, of(lambda m: from_pose(m.pose))),
        SignalReader(TRANSFORM, stream.time, of(lambda m: from_transform(m.transform))),
        SignalReader(ODOMETRY, stream.time, of(lambda m: from_pose(m.pose.pose))),
    ]


def moved_by(stream: PoseStream, pose: Array) -> Array:
    """The pose (7,) that a robot file means by that of its link: T_link @ tool."""
    if stream.tool is None:
        return pose
    return _moved(pose, pose_to_matrix(np.array(stream.tool)))


def of_link(stream: PoseStream, pose: Array) -> Array:
    """The pose (7,) of the link by the one that a robot file means, from which `moved_by` leads
    back: T_pose @ tool^-1."""
    if stream.tool is None:
        return pose
    return _moved(pose, invert(pose_to_matrix(np.array(stream.tool))))


def _moved(pose: Array, by: Array) -> Array:
    return np.asarray(matrix_to_pose(pose_to_matrix(pose) @ by))


def _vector(stream: VectorStream, base_frame: str) -> list[SignalReader]:
    if stream.type in (EFFORT, VELOCITY):
        numbers = JointNumbers(stream.names, stream.type)
        of_joints = partial(_of_joints, stream.topic, numbers)
        return [SignalReader(JOINT_STATE, stream.time, of_joints, numbers)]
    read: dict[str, tuple[str, Callable[[Any], Array]]] = {
        WRENCH: (WRENCH_STAMPED, lambda m: _both(m.wrench.force, m.wrench.torque)),
        TWIST: (TWIST_STAMPED, lambda m: _both(m.twist.linear, m.twist.angular)),
        ARRAY: (FLOATS, partial(_array, stream)),
    }
    type_name, value = read[stream.type]
    return [SignalReader(type_name, stream.time, value)]


READERS: dict[type[SignalStream], Callable[[Any, str], list[SignalReader]]] = {
    JointStream: _joints,
    GripStream: _grip,
    PoseStream: _pose,
    VectorStream: _vector,
}


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


def in_frame(message: Any, base_frame: str) -> Any:
    """The message; UserError for one in another frame."""
    if (found := message.header.frame_id.lstrip("/")) != base_frame:
        where = f"are in frame {found[:SHOWN_LENGTH]!r}" if found else "name no frame"
        raise UserError(
            f"messages {where}, the robot file's base_frame is {base_frame!r}: let their "
            "publisher send them in that frame and name it in header.frame_id"
        )
    return message


def _of_joints(topic: str, wanted: JointNumbers, message: Any) -> Array:
    field = wanted.field
    numbers = getattr(message, field)
    try:
        return pick_joints(wanted.joints, message.name, numbers)
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
    """Positions (J,) of `joints`, in their order, out of a message.

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
