"""What messages of each type say of a label: values of now, a trajectory, or a velocity.

Messages are any objects with the fields of their ROS type. To add a type is to add it to
`_joint_types`, `_pose_types` or `_grip_types` with what reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError, did_you_mean
from groot_ros.observation.fields import from_pose, from_transform, to_ns
from groot_ros.observation.signal_messages import (
    BOOL,
    FLOAT,
    FLOAT32,
    FLOATS,
    FLOATS32,
    JOINT_STATE,
    ODOMETRY,
    POSE,
    SHOWN_LENGTH,
    SHOWN_NAMES,
    TRANSFORM,
    TWIST_STAMPED,
    in_frame,
    number_at,
)
from groot_ros.robot import labels as of
from groot_ros.robot.labels import GripLabel, JointLabel, Label, PoseLabel

Array = NDArray[np.float64]

TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
GRIPPER_MESSAGE = "control_msgs/msg/GripperCommand"
GRIPPER_FEEDBACK = "control_msgs/action/GripperCommand_FeedbackMessage"
GRIPPER_GOALS = "control_msgs/action/GripperCommand_SendGoal_Event"


class Unusable(Exception):
    """A message is no command; the text says what such messages are."""


class OfOthers(Exception):
    """A message is about other joints alone."""


@dataclass(frozen=True)
class Trajectory:
    """Positions (T, N) at times (T,) in ns from its beginning, NaN of joints that it leaves
    out."""

    times_ns: NDArray[np.int64]
    positions: Array


Read = Callable[[Any, str], Any]
"""A value (N,), NaN where the message leaves joints out, a Trajectory, or a twist (6,), of a
message in a base frame; None for one that says nothing new. UserError for one in another frame."""


@dataclass(frozen=True)
class LabelType:
    """A message type, the name of it in robot files, and what reads it."""

    name: str
    read: Read
    is_stamped: bool = True


def label_types(label: Label) -> Mapping[str, LabelType]:
    """By the type of the topic what reads a label's messages; those that its keys allow."""
    if isinstance(label, JointLabel):
        found = _joint_types(label)
    elif isinstance(label, PoseLabel):
        found = _pose_types(label)
    else:
        found = _grip_types(label)
    if label.type:
        return {name: kind for name, kind in found.items() if kind.name == label.type}
    return {name: kind for name, kind in found.items() if "/action/" not in name}


def label_topics(label: Label) -> dict[str, Mapping[str, LabelType]]:
    """The topics on which a label may be, the best one first, and what reads their messages."""
    types = label_types(label)
    if label.type == of.REACHED:
        return {}
    if label.type != of.GRIPPER_COMMAND:
        return {label.topic: types}
    goals = f"{label.topic}/_action/send_goal/_service_event"
    feedback = f"{label.topic}/_action/feedback"
    return {
        goals: {GRIPPER_GOALS: types[GRIPPER_GOALS]},
        label.topic: {GRIPPER_MESSAGE: types[GRIPPER_MESSAGE]},
        feedback: {GRIPPER_FEEDBACK: types[GRIPPER_FEEDBACK]},
    }


def _joint_types(label: JointLabel) -> dict[str, LabelType]:
    array = LabelType(of.ARRAY, partial(_array, label), is_stamped=False)
    return {
        JOINT_STATE: LabelType(of.JOINT_STATE, partial(_joint_state, label.joints)),
        TRAJECTORY: LabelType(of.TRAJECTORY, partial(_trajectory, label.joints)),
        FLOATS: array,
        FLOATS32: array,
    }


def _pose_types(label: PoseLabel) -> dict[str, LabelType]:
    return {
        POSE: LabelType(of.POSE, lambda m, frame: from_pose(in_frame(m, frame).pose)),
        TRANSFORM: LabelType(
            of.TRANSFORM, lambda m, frame: from_transform(in_frame(m, frame).transform)
        ),
        ODOMETRY: LabelType(of.ODOMETRY, lambda m, frame: from_pose(in_frame(m, frame).pose.pose)),
        TWIST_STAMPED: LabelType(of.TWIST, partial(_twist, label)),
    }


def _grip_types(label: GripLabel) -> dict[str, LabelType]:
    def raw(read: Callable[[Any], float]) -> Read:
        return lambda message, _: _closure(label, float(read(message)))

    number = LabelType(of.FLOAT, raw(lambda m: m.data), is_stamped=False)
    numbers = LabelType(of.ARRAY, raw(partial(_number, label)), is_stamped=False)
    found = {
        FLOAT: number,
        FLOAT32: number,
        BOOL: LabelType(of.BOOL, raw(lambda m: m.data), is_stamped=False),
        FLOATS: numbers,
        FLOATS32: numbers,
    }
    kind = of.GRIPPER_COMMAND
    found |= {
        GRIPPER_GOALS: LabelType(kind, partial(_goal, label), is_stamped=False),
        GRIPPER_MESSAGE: LabelType(kind, raw(lambda m: m.position), is_stamped=False),
        GRIPPER_FEEDBACK: LabelType(kind, raw(lambda m: m.feedback.position), is_stamped=False),
    }
    if label.joint:
        found[JOINT_STATE] = LabelType(of.JOINT_STATE, partial(_grip_state, label))
        found[TRAJECTORY] = LabelType(of.TRAJECTORY, partial(_grip_trajectory, label))
    return found


def _closure(label: GripLabel, raw: float) -> Array:
    """Below 0 or above 1 where the number is beyond the range."""
    return np.asarray(label.fraction(raw) if np.isfinite(raw) else np.nan)


def _named(joints: Sequence[str], names: Sequence[str], numbers: Sequence[float]) -> Array:
    """Numbers of joints, NaN of those that the names leave out.

    OfOthers where they name none of them, Unusable for numbers that are none or are missing.
    """
    if len(numbers) != len(names):
        raise Unusable("have more names than positions, or fewer")
    by_name = dict(zip(names, numbers, strict=True))
    if len(by_name) < len(names):
        raise Unusable("name a joint twice")
    found = np.array([by_name.get(joint, np.nan) for joint in joints], dtype=np.float64)
    is_named = np.array([joint in by_name for joint in joints])
    if not is_named.any():
        raise OfOthers
    if not np.all(np.isfinite(found[is_named])):
        raise Unusable("are not finite")
    return found


def no_joint(label: Label, joints: Sequence[str], seen: Sequence[str]) -> str:
    """Why a label that is for `joints` says nothing; `seen` are the joints of its messages."""
    shown = ", ".join(name[:SHOWN_LENGTH] for name in seen[:SHOWN_NAMES])
    # A gripper's joint is also known to `commands`.
    is_grip = isinstance(label, GripLabel)
    key = f"{label.key}.joint" if is_grip else f"{label.place}.joints"
    hints = [hint for joint in joints if (hint := did_you_mean(joint, seen))]
    return (
        f"{label.topic} has no joint {' or '.join(joints)}, only {shown or 'none'}: "
        + (f"{hints[0].rstrip('?')}? Name " if hints else "name ")
        + f"its joints in the arm's order at {key} of the robot file"
    )


def _joint_state(joints: Sequence[str], message: Any, frame: str) -> Array:
    return _named(joints, message.name, message.position)


def _array(label: JointLabel, message: Any, frame: str) -> Array:
    numbers = np.asarray(message.data, dtype=np.float64)
    count, first = len(label.joints), label.index or 0
    if label.index is None and len(numbers) != count:
        raise UserError(
            f"messages have {len(numbers)} numbers, expected {count} for "
            f"{', '.join(label.joints)}: say where they begin with {label.place}.index of the "
            "robot file"
        )
    if len(numbers) < first + count:
        raise UserError(
            f"messages have {len(numbers)} numbers, expected at least {first + count} for "
            f"{', '.join(label.joints)}, which begin at {first}: say where they begin with "
            f"{label.place}.index of the robot file"
        )
    numbers = numbers[first : first + count]
    if not np.all(np.isfinite(numbers)):
        raise Unusable("are not finite")
    return numbers


def _number(label: GripLabel, message: Any) -> float:
    return number_at(message.data, label.index, f"{label.place}.index")


def _trajectory(joints: Sequence[str], message: Any, frame: str) -> Trajectory:
    if len(message.points) == 0:
        raise Unusable("are trajectories without points")
    times_ns = np.array([to_ns(point.time_from_start) for point in message.points])
    if times_ns[0] < 0 or np.any(np.diff(times_ns) <= 0):
        raise Unusable("are trajectories whose times do not increase")
    rows = [_named(joints, message.joint_names, point.positions) for point in message.points]
    return Trajectory(times_ns, np.array(rows))


def _grip_state(label: GripLabel, message: Any, frame: str) -> Array:
    return _closure(label, float(_joint_state([label.joint], message, frame)[0]))


def _grip_trajectory(label: GripLabel, message: Any, frame: str) -> Trajectory:
    found = _trajectory([label.joint], message, frame)
    closures = [label.closure(float(raw)) for raw in found.positions[:, 0]]
    return Trajectory(found.times_ns, np.array(closures))


def _goal(label: GripLabel, message: Any, frame: str) -> Array | None:
    # An event of a service holds the request where it is one of its client or arrival.
    if len(message.request) == 0:
        return None
    return _closure(label, float(message.request[0].goal.command.position))


@dataclass(frozen=True)
class Twist:
    """A velocity (6,), linear then angular, in m/s and rad/s, along the base frame's axes, or the
    tool's."""

    value: Array
    is_of_tool: bool


def _twist(label: PoseLabel, message: Any, frame: str) -> Twist:
    found = message.header.frame_id.lstrip("/")
    is_of_tool = bool(label.link) and found == label.link
    if found not in ("", frame) and not is_of_tool:
        other = f" or {label.link!r}" if label.link else ""
        raise UserError(
            f"twists are in frame {found[:SHOWN_LENGTH]!r}, expected {frame!r}{other}: name the "
            f"tool's link at {label.place}.link of the robot file if it is that"
        )
    linear, angular = message.twist.linear, message.twist.angular
    value = np.array([linear.x, linear.y, linear.z, angular.x, angular.y, angular.z])
    if not np.all(np.isfinite(value)):
        raise Unusable("are not finite")
    return Twist(value * np.repeat(label.scale, 3), is_of_tool)
