"""Executors and calls as bytes, from one process to another that runs the same code."""

from __future__ import annotations

import copyreg
import io
import pickle
from typing import Any

from groot_ros.chunks.limits.arm_points import ArmPoints
from groot_ros.chunks.limits.watched_points import WatchedPoints

PROTOCOL = 5


class Points:
    """Stands for the points of the arm, which robot file and URDF tell."""


def _points(_: WatchedPoints | ArmPoints) -> tuple[type[Points], tuple[()]]:
    return Points, ()


class _Pickler(pickle.Pickler):
    dispatch_table: Any = {**copyreg.dispatch_table, WatchedPoints: _points, ArmPoints: _points}


def dumps(value: Any) -> bytes:
    """An executor, or calls; `Points` take the place of points."""
    file = io.BytesIO()
    _Pickler(file, PROTOCOL).dump(value)
    return file.getvalue()


def loads(data: bytes) -> Any:
    """The same again; only of bytes that this program made."""
    return pickle.loads(data)
