"""Values of flat observations, as clients send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.observation.types import Array
from groot_ros.signals.kinds import CLOSURE, POSE, Kind
from groot_ros.signals.signals import Signals, SignalSpec
from groot_ros.wire.bounded import LIMITS, WireError


def read_numbers(message: Mapping[Any, Any], key: str) -> Array | None:
    """A vector (N,) in float64, None when it is not there; WireError when it is something else."""
    if key not in message:
        return None
    try:
        return np.asarray(message[key], dtype=np.float64).reshape(-1)
    except (ValueError, TypeError, OverflowError):
        raise WireError(f"{key!r} holds no numbers") from None


def read_pose(message: Mapping[Any, Any], key: str) -> Array | None:
    """A pose (7,) xyz + wxyz, None when it is not there; WireError when it is something else."""
    pose = read_numbers(message, key)
    if pose is not None and (pose.size != 7 or not np.any(pose[3:])):
        raise WireError(f"{key!r} is no pose of 7 numbers, xyz and a quaternion wxyz")
    return pose


def read_scalar(message: Mapping[Any, Any], key: str) -> float | None:
    """A number, as such or as a vector of one, None when it is not there; WireError for others."""
    values = read_numbers(message, key)
    if values is None:
        return None
    if values.size != 1:
        raise WireError(f"{key!r} holds {values.size} numbers, expected one")
    return float(values[0])


def read_signals(message: Mapping[Any, Any], keys: Mapping[SignalSpec, str]) -> Signals:
    """The signals that are there, by their keys; WireError names one that is something else."""
    values: dict[SignalSpec, ArrayLike | None] = {}
    for spec, key in keys.items():
        read: Reader = READERS.get(spec.kind, read_numbers)
        values[spec] = read(message, key)
    return Signals.of(values)


Reader = Callable[[Mapping[Any, Any], str], ArrayLike | None]
READERS: Mapping[Kind, Reader] = {POSE: read_pose, CLOSURE: read_scalar}


def read_text(message: Mapping[Any, Any], key: str) -> str:
    """A text, empty when it is not there; WireError when it is something else."""
    text = message.get(key, "")
    if not isinstance(text, str):
        raise WireError(f"{key!r} is no text")
    return text


def check_picture(key: str, value: Any) -> NDArray[np.uint8]:
    """A picture (H, W, 3) uint8; WireError when it is something else."""
    if not isinstance(value, np.ndarray) or value.dtype != np.uint8 or value.ndim != 3:
        raise WireError(f"{key:.80} is no picture (height, width, 3) uint8")
    height, width, channels = value.shape
    if channels != 3 or not 0 < height * width <= LIMITS.pixels:
        raise WireError(f"{key:.80} is a picture of shape {value.shape}, expected (H, W, 3)")
    return value
