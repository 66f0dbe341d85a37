"""Between the simulated arm and ROS messages."""

from __future__ import annotations

import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory

from groot_ros.buffer import pick_joints
from groot_ros.errors import UserError
from groot_ros.nodes.messages import NS, to_ns, to_time
from groot_ros.sim.live import State
from groot_ros.sim.scene import ARM_JOINTS, FINGER_JOINTS, WRIST_CAMERA_FRAME

Array = NDArray[np.float64]

CAMERA_FRAMES = {"exterior": "exterior_camera_optical_frame", "wrist": WRIST_CAMERA_FRAME}
AT_ONCE_S = 0.01


@dataclass(frozen=True)
class JointPath:
    """Positions (T, 7) rad, and velocities (T, 7) rad/s if known, at times (T,) s from now."""

    times_s: Array
    positions: Array
    velocities: Array | None


def joint_state(state: State) -> JointState:
    """Arm and fingers; the fingers move as one."""
    return JointState(
        header=Header(stamp=to_time(state.stamp_ns)),
        name=[*ARM_JOINTS, *FINGER_JOINTS],
        position=[*state.joint_position, state.finger_position, state.finger_position],
        velocity=[*state.joint_velocity, state.finger_velocity, state.finger_velocity],
    )


def image(picture: NDArray[np.uint8], stamp_ns: int, camera: str) -> Image:
    """Message of a picture (H, W, 3) RGB."""
    height, width, _ = picture.shape
    message = Image(
        header=Header(stamp=to_time(stamp_ns), frame_id=CAMERA_FRAMES[camera]),
        height=height,
        width=width,
        encoding="rgb8",
        step=3 * width,
    )
    # Anything but an array.array would be copied and checked number by number.
    data = array.array("B")
    data.frombytes(np.ascontiguousarray(picture).data)
    message.data = data
    return message


def joint_path(message: JointTrajectory, now_ns: int) -> JointPath:
    """The part of a trajectory that is still to come; UserError when it is not for this arm."""
    if not message.points:
        raise UserError("the joint trajectory has no points")
    start_ns = to_ns(message.header.stamp) or now_ns
    times_s = np.array(
        [(start_ns + to_ns(point.time_from_start) - now_ns) / NS for point in message.points]
    )
    to_come = slice(min(int(np.searchsorted(times_s, 0.0, "right")), len(times_s) - 1), None)
    points = message.points[to_come]
    has_velocities = all(len(point.velocities) == len(message.joint_names) for point in points)
    return JointPath(
        np.maximum(times_s[to_come], AT_ONCE_S),
        _rows(message.joint_names, [point.positions for point in points]),
        _rows(message.joint_names, [p.velocities for p in points]) if has_velocities else None,
    )


def _rows(names: list[str], rows: list[list[float]]) -> Array:
    try:
        return np.array([pick_joints(ARM_JOINTS, names, row) for row in rows])
    except KeyError as missing:
        raise UserError(
            f"the joint trajectory says nothing of joint {missing}, expected a position for each "
            f"of {', '.join(ARM_JOINTS)} in every point"
        ) from missing
