"""Serialised messages and topics of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from rosbags.typesys import Stores, get_typestore
from rosbags.typesys.store import Typestore

from groot_ros.data.bags.metadata import Topic

NO_TIME = {"sec": 0, "nsec": 0}
QOS: dict[str, Any] = {
    "history": "keep_last",
    "depth": 10,
    "reliability": "reliable",
    "durability": "volatile",
    "deadline": NO_TIME,
    "lifespan": NO_TIME,
    "liveliness": "automatic",
    "liveliness_lease_duration": NO_TIME,
    "avoid_ros_namespace_conventions": False,
}
JOINTS = Topic("/joint_states", "sensor_msgs/msg/JointState", (QOS,))


@cache
def types() -> Typestore:
    return get_typestore(Stores.ROS2_JAZZY)


def joint_states(stamp_ns: int) -> bytes:
    """A serialised JointState without joints."""
    import numpy as np

    known = types().types
    time = known["builtin_interfaces/msg/Time"](*divmod(stamp_ns, 1_000_000_000))
    header = known["std_msgs/msg/Header"](time, "base")
    empty = np.array([])
    message = known["sensor_msgs/msg/JointState"](header, [], empty, empty, empty)
    return bytes(types().serialize_cdr(message, "sensor_msgs/msg/JointState"))


def stamp_of(message: Any) -> int:
    stamp = message.header.stamp
    return int(stamp.sec * 1_000_000_000 + stamp.nanosec)
