"""ROS messages of other nodes, through the conversions that our nodes use."""

from __future__ import annotations

import array
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from mutation import damaged
from numpy.random import Generator
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image, JointState

from groot_ros.cameras.raw_image import compressed_to_rgb, image_to_rgb
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.admission import Borders
from groot_ros.chunks.execution.chunk_intake import ChunkIntake
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.errors import UserError
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.observation.routes import routes
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import EE_POSE, arm_signals
from groot_ros_msgs.msg import ActionChunk

FLOATS = (0.0, -1.0, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"))
TEXTS = ("", "x", "joint_1", "fr3_joint1", "bgr8", "mono16", "bayer_rggb8", "32FC1", "ä" * 300)
EXTREMES = (0, 1, -1, 255, 2**16, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1)
END_NS = 2_000_000_000
HERE = np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])
COMMANDS = 20


class Surface:
    # A chunk that is malformed is a ValueError, which the executor counts.
    refusals = (UserError, ValueError, NotReady)

    def __init__(self, _: Path) -> None:
        self._robot = load_robot("sim")
        streams = self._robot.observations
        assert streams.joint_position and streams.ee_pose
        names = streams.joint_position.joints
        chunk = Chunk(
            stamp_ns=END_NS - 10**8,
            step_ns=10**8,
            signals=arm_signals(
                ee_pose=np.tile(HERE, (16, 1)), joint_position=np.zeros((16, 7)), grip=np.zeros(16)
            ),
        )
        image = Image(
            height=8, width=8, step=24, encoding="rgb8", data=array.array("B", [7] * 192)
        )
        jpeg = CompressedImage(format="jpeg", data=array.array("B", _jpeg()))
        joints = JointState(name=[*names, "fr3_finger_joint1"], position=[0.0] * 8)
        joints.header.stamp.sec = 1
        pose = PoseStamped()
        pose.header.stamp.sec, pose.pose.orientation.w = 1, 1.0
        self._examples: list[tuple[Any, Callable[[Any], object]]] = [
            (to_action_chunk(chunk, self._robot.base_frame, names), self._execute),
            (joints, self._store),
            (pose, self._store),
            (image, image_to_rgb),
            (jpeg, compressed_to_rgb),
        ]

    def attack(self, rng: Generator) -> None:
        example, feed = self._examples[rng.integers(len(self._examples))]
        data = serialize_message(example)
        if rng.random() < 0.2:
            try:
                message = deserialize_message(damaged(data, rng), type(example))
            # What the middleware refuses never reaches a node.
            except Exception:
                return
        else:
            message = deserialize_message(data, type(example))
            for _ in range(1 + int(rng.integers(2))):
                _change(message, rng)
            try:
                message = deserialize_message(serialize_message(message), type(example))
            # A number beyond its type, which no publisher can send.
            except Exception:
                return
        feed(message)

    def _execute(self, message: ActionChunk) -> None:
        """As the executor does: within bounds, then joined to an arm at rest and commanded."""
        limits, period_ns = self._robot.limits, 10_000_000
        borders = Borders(signal=EE_POSE, limits=limits, longest_s=10.0, margin_m=0.02)
        bounded = ChunkIntake(self._robot, borders, 0.5).bounded(message)
        motion = ChunkExecutor(limits, ExecutionSettings(period_s=period_ns / 1e9))
        motion.start_from(HERE, {"grip": 0.0}, END_NS)
        motion.accept(1, bounded.chunk, END_NS)
        low, high = np.array(limits.workspace_min), np.array(limits.workspace_max)
        for tick in range(COMMANDS):
            setpoint = motion.setpoint(END_NS + tick * period_ns)
            if setpoint is not None:
                place = setpoint.value[:3]
                assert np.all(np.isfinite(setpoint.value))
                assert np.all((low - 1e-5 <= place) & (place <= high + 1e-5))

    def _store(self, message: Any) -> None:
        fields = ("joint_position", "ee_pose", "grip")
        buffer = ObservationBuffer(self._robot, fields, ())
        kind = "sensor_msgs/msg/JointState" if isinstance(message, JointState) else "geometry"
        for route in routes(buffer):
            if route.type_name.startswith(kind):
                route.store(message, END_NS)
        buffer.snapshot(END_NS)


def _jpeg() -> bytes:
    import cv2

    return bytes(cv2.imencode(".jpg", np.full((8, 8, 3), 90, np.uint8))[1].tobytes())


def _change(message: Any, rng: Generator) -> None:
    """Swap one field, of the message or below it, within its type."""
    names = list(message.get_fields_and_field_types())
    name = names[rng.integers(len(names))]
    value = getattr(message, name)
    if hasattr(value, "get_fields_and_field_types"):
        _change(value, rng)
    elif isinstance(value, str):
        setattr(message, name, TEXTS[rng.integers(len(TEXTS))])
    elif isinstance(value, bool):
        setattr(message, name, not value)
    elif isinstance(value, float):
        setattr(message, name, FLOATS[rng.integers(len(FLOATS))])
    elif isinstance(value, int):
        _set_number(message, name, EXTREMES[rng.integers(len(EXTREMES))])
    else:
        _change_list(message, name, value, rng)


def _set_number(message: Any, name: str, number: int) -> None:
    try:
        setattr(message, name, number)
    # Outside the range of its type.
    except AssertionError:
        setattr(message, name, 0)


def _change_list(message: Any, name: str, value: Any, rng: Generator) -> None:
    items = list(value)
    kind = rng.integers(4)
    if items and hasattr(items[0], "get_fields_and_field_types") and kind:
        _change(items[rng.integers(len(items))], rng)
        return
    if items and kind == 0:
        items = items[: rng.integers(len(items))]
    elif items and kind == 1:
        items = items + [items[0]] * int(rng.integers(1, 2000))
    elif items and isinstance(items[0], float):
        items[rng.integers(len(items))] = FLOATS[rng.integers(len(FLOATS))]
    elif items and isinstance(items[0], str):
        items[rng.integers(len(items))] = TEXTS[rng.integers(len(TEXTS))]
    elif items and isinstance(items[0], int):
        items[rng.integers(len(items))] = int(rng.integers(256))
    # An array of a fixed length refuses.
    with contextlib.suppress(AssertionError, ValueError):
        setattr(message, name, items)
