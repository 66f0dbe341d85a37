"""Between the simulated arm and ROS messages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Header

from groot_ros.nodes.drivers import driver_messages
from groot_ros.nodes.messages import to_time
from groot_ros.sim.live import State
from groot_ros.sim.scene import ARM_JOINTS, FINGER_JOINTS, WRIST_CAMERA_FRAME

CAMERA_FRAMES = {"exterior": "exterior_camera_optical_frame", "wrist": WRIST_CAMERA_FRAME}


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
    return driver_messages.image(picture, stamp_ns, CAMERA_FRAMES[camera])
