"""Numbers out of messages, live or from a bag: any object with the message's fields will do."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NS = 1_000_000_000


def to_ns(stamp: Any) -> int:
    """Nanoseconds of a builtin_interfaces Time or Duration."""
    return int(stamp.sec) * NS + int(stamp.nanosec)


def from_pose(message: Any) -> NDArray[np.float64]:
    """(7,) xyz + wxyz of a geometry_msgs Pose."""
    p, q = message.position, message.orientation
    return np.array([p.x, p.y, p.z, q.w, q.x, q.y, q.z], dtype=np.float64)


def from_transform(message: Any) -> NDArray[np.float64]:
    """(7,) xyz + wxyz of a geometry_msgs Transform."""
    p, q = message.translation, message.rotation
    return np.array([p.x, p.y, p.z, q.w, q.x, q.y, q.z], dtype=np.float64)
