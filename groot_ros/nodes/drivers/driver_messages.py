"""What a robot's drivers send and take, as messages."""

from __future__ import annotations

import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory

from groot_ros.errors import UserError
from groot_ros.nodes.messages import to_time
from groot_ros.observation.fields import NS, to_ns
from groot_ros.observation.signal_messages import pick_joints
from groot_ros.sim.fake.joint_path import JointPath

Array = NDArray[np.float64]

AT_ONCE_S = 0.01


def image(picture: NDArray[np.uint8], stamp_ns: int, frame: str) -> Image:
    """Message of a picture (H, W, 3) RGB."""
    height, width, _ = picture.shape
    message = Image(
        header=Header(stamp=to_time(stamp_ns), frame_id=frame),
        height=height,
        width=width,
        encoding="rgb8",
        step=3 * width,
    )
    message.data = bytes_of(np.ascontiguousarray(picture).data)
    return message


def bytes_of(data: bytes | memoryview) -> array.array[int]:
    """Bytes for a field of a message; anything else would be copied and checked one by one."""
    copied = array.array("B")
    copied.frombytes(data)
    return copied


def warning_of_mistakes(
    node: Node, topic: str, obey: Callable[[Any], None]
) -> Callable[[Any], None]:
    """A callback that warns of a command that cannot be obeyed, which is ignored."""

    def callback(message: Any) -> None:
        try:
            obey(message)
        except UserError as error:
            node.get_logger().warning(f"{topic}: {error}", throttle_duration_sec=1.0)

    return callback


def joint_path(message: JointTrajectory, now_ns: int, joints: Sequence[str]) -> JointPath:
    """The part of a trajectory of `joints` that is still to come; UserError when it is not for
    this arm."""
    if not message.points:
        raise UserError("the joint trajectory has no points")
    start_ns = to_ns(message.header.stamp) or now_ns
    times_s = np.array(
        [(start_ns + to_ns(point.time_from_start) - now_ns) / NS for point in message.points]
    )
    to_come = slice(min(int(np.searchsorted(times_s, 0.0, "right")), len(times_s) - 1), None)
    points = message.points[to_come]
    has_velocities = all(len(point.velocities) == len(message.joint_names) for point in points)

    def rows(values: list[Sequence[float]]) -> Array:
        return _rows(joints, message.joint_names, values)

    return JointPath(
        np.maximum(times_s[to_come], AT_ONCE_S),
        rows([point.positions for point in points]),
        rows([point.velocities for point in points]) if has_velocities else None,
    )


def _rows(joints: Sequence[str], names: list[str], rows: list[Sequence[float]]) -> Array:
    try:
        return np.array([pick_joints(joints, names, row) for row in rows])
    except KeyError as missing:
        raise UserError(
            f"the joint trajectory says nothing of joint {missing}, expected a position for each "
            f"of {', '.join(joints)} in every point"
        ) from missing
