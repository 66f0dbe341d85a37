"""Messages as bags hold them, made without ROS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from groot_ros.cameras.image import IMAGE
from groot_ros.data.bags.interface_texts import find_text
from groot_ros.observation.fields import NS
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE, POSE

Array = NDArray[np.float64]


class MessageMaker:
    """Makes messages of ROS 2's standard types as the bytes that bags hold."""

    def __init__(self) -> None:
        self._store = get_typestore(Stores.ROS2_JAZZY)

    def make(self, type_name: str, **fields: Any) -> bytes:
        """A serialised message of any standard type, or one whose package is installed."""
        if type_name not in self._store.types and (own := find_text(type_name)):
            self._store.register(get_types_from_msg(own.text, type_name))
        return bytes(self._store.serialize_cdr(self.new(type_name, **fields), type_name))

    def new(self, type_name: str, **fields: Any) -> Any:
        """A message of any standard type, to be part of another one."""
        return self._store.types[type_name](**fields)

    def float64(self, value: float) -> bytes:
        """std_msgs/Float64."""
        return self.make(FLOAT, data=float(value))

    def header(self, stamp_ns: int, frame: str) -> Any:
        """std_msgs/Header, not serialised."""
        stamp = self.new("builtin_interfaces/msg/Time", sec=stamp_ns // NS, nanosec=stamp_ns % NS)
        return self.new("std_msgs/msg/Header", stamp=stamp, frame_id=frame)

    def joint_state(self, stamp_ns: int, positions: Mapping[str, float]) -> bytes:
        """sensor_msgs/JointState of positions by joint."""
        return self.make(
            JOINT_STATE,
            header=self.header(stamp_ns, ""),
            name=list(positions),
            position=np.array(list(positions.values())),
            velocity=np.zeros(0),
            effort=np.zeros(0),
        )

    def pose(self, stamp_ns: int, frame: str, pose: Array) -> bytes:
        """geometry_msgs/PoseStamped of (7,) xyz + wxyz."""
        x, y, z, qw, qx, qy, qz = map(float, pose)
        position = self.new("geometry_msgs/msg/Point", x=x, y=y, z=z)
        orientation = self.new("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw)
        value = self.new("geometry_msgs/msg/Pose", position=position, orientation=orientation)
        return self.make(POSE, header=self.header(stamp_ns, frame), pose=value)

    def image(self, stamp_ns: int, frame: str, picture: NDArray[np.uint8]) -> bytes:
        """sensor_msgs/Image, rgb8, of (H, W, 3)."""
        height, width, _ = picture.shape
        return self.make(
            IMAGE,
            header=self.header(stamp_ns, frame),
            height=height,
            width=width,
            encoding="rgb8",
            is_bigendian=0,
            step=3 * width,
            data=np.ascontiguousarray(picture).ravel(),
        )
