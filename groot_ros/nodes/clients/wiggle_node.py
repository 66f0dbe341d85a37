"""A small motion through the executor: whether the arm follows, how far behind and which way."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import JointState

from groot_ros.chunks.chunk import Chunk
from groot_ros.errors import UserError
from groot_ros.nodes.clients.operator_node import (
    ACTIVATE,
    ACTIVE,
    CONFIGURE,
    DEACTIVATE,
    OperatorNode,
)
from groot_ros.nodes.clients.ros2_process import background_process
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.nodes.processes import node_command
from groot_ros.nodes.qos import CHUNKS, REPORTS
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.observation.fields import NS, from_pose
from groot_ros.robot.checking.following import Followed, followed
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import GRIP, Signals, SignalSpec
from groot_ros_msgs.msg import ActionChunk, ChunkReport

Array = NDArray[np.float64]

EXECUTOR = "executor"
CHUNK_TOPIC, SETPOINT_TOPIC, REPORT_TOPIC = (
    "policy/action_chunk",
    f"{EXECUTOR}/setpoint",
    f"{EXECUTOR}/chunk_report",
)
# How far, there and back, and for how long; afterwards the arm may still come after.
WAY_M, WAY_RAD, WAY_S, AFTER_S = 0.01, 0.05, 3.0, 1.5
STEP_NS = NS // 15
HORIZON = 16
CHUNK_PERIOD_S = 0.2
# For the state of the robot, and for a chunk that the executor takes.
READY_S = 20.0


class WiggleNode(OperatorNode):
    """Sends the chunks of the motion and listens to commands and arm; all in its own callbacks."""

    def __init__(self, robot: RobotConfig) -> None:
        super().__init__("wiggle")
        self._robot = robot
        self._commanded: list[tuple[float, Array]] = []
        self._measured: list[tuple[float, Array]] = []
        self._taken = 0
        self._refused = ""
        fields = {robot.output.signal.name, robot.output.commanded.name}
        if self._grip_of_arm:
            fields.add(GRIP.name)
        self._buffer = ObservationBuffer(robot, fields=sorted(fields), cameras=[])
        self._streams = StreamSubscriptions(self, self._buffer, state_came=lambda *_: self._look())
        self._chunks = self.create_publisher(ActionChunk, CHUNK_TOPIC, CHUNKS)
        kind = JointState if robot.output.commanded.kind == JOINTS else PoseStamped
        self.create_subscription(kind, SETPOINT_TOPIC, self._on_setpoint, 100)
        self.create_subscription(ChunkReport, REPORT_TOPIC, self._on_report, REPORTS)
        self._activation = np.frombuffer(uuid4().bytes, np.uint8)
        self._count = 0

    @property
    def _grip_of_arm(self) -> bool:
        grip = self._robot.commands.grip
        return bool(grip and grip.is_of_arm and self._robot.observations.grip)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _look(self) -> None:
        now_ns = self._now_ns()
        try:
            value = self._buffer.newest_state(self._robot.output.commanded.name, now_ns)
        except NotReady:
            return
        self._measured.append((now_ns / NS, _place(self._robot.output.commanded, value)))

    def _on_setpoint(self, message: PoseStamped | JointState) -> None:
        value = (
            np.array(message.position)
            if isinstance(message, JointState)
            else from_pose(message.pose)
        )
        place = _place(self._robot.output.commanded, value)
        self._commanded.append((self._now_ns() / NS, place))

    def _on_report(self, message: ChunkReport) -> None:
        if message.rejected:
            self._refused = message.rejected
        else:
            self._taken += 1

    def wiggle(self, alive: Callable[[], bool]) -> Followed:
        """Move a little there and back, with an executor that is active; UserError where it
        refuses."""
        start = self._start(alive)
        grip = self._state(GRIP.name) if self._grip_of_arm else None
        way = _way(self._robot, start)
        self._measured.clear()
        begun_ns = self._now_ns()
        end_s = time.monotonic() + WAY_S + AFTER_S
        while time.monotonic() < end_s and alive():
            self._send(start, way, grip, begun_ns)
            self.spin_until(lambda: False, CHUNK_PERIOD_S)
        if not alive():
            raise UserError("the executor has ended by itself")
        moved = max(
            (np.linalg.norm(v - self._commanded[0][1]) for _, v in self._commanded), default=0.0
        )
        if moved < 1e-6:
            reason = self._refused or "it published no setpoint"
            raise UserError(f"the executor did not command the motion: {reason}")
        return followed(_series(self._commanded), _series(self._measured))

    def _start(self, alive: Callable[[], bool]) -> Array:
        """Where the arm is, once the executor hears chunks."""
        signal = self._robot.output.signal.name
        self.spin_until(
            lambda: (
                not alive()
                or (self._chunks.get_subscription_count() > 0 and self._is_known(signal))
            ),
            READY_S,
        )
        return self._state(signal)

    def _is_known(self, signal: str) -> bool:
        try:
            self._state(signal)
        except UserError:
            return False
        return True

    def _state(self, signal: str) -> Array:
        try:
            return self._buffer.newest_state(signal, self._now_ns())
        except NotReady as reason:
            raise UserError(f"where the arm is is not known: {reason}") from reason

    def _send(self, start: Array, way: Array, grip: Array | None, begun_ns: int) -> None:
        now_ns = self._now_ns()
        times_s = (now_ns - begun_ns + np.arange(HORIZON) * STEP_NS) / NS
        # One full period of a raised cosine: at rest at both ends.
        part = np.clip(times_s / WAY_S, 0.0, 1.0)
        values = np.tile(start, (HORIZON, 1))
        values[:, : len(way)] += 0.5 * (1.0 - np.cos(2 * np.pi * part))[:, None] * way
        tracks = {self._robot.output.signal: values}
        if grip is not None:
            tracks[GRIP] = np.full(HORIZON, float(grip))
        chunk = Chunk(now_ns, STEP_NS, signals=Signals.of(tracks))
        joints = list(self._robot.joints)
        message = to_action_chunk(chunk, self._robot.base_frame, joints)
        self._count += 1
        message.chunk_id, message.activation = self._count, self._activation
        self._chunks.publish(message)

    def close(self) -> None:
        self._streams.close()


def run_wiggle(node: WiggleNode, robot_file: str) -> Followed:
    """The motion, through an executor of its own; UserError where it cannot be made."""
    if node.count_publishers(CHUNK_TOPIC) > 1 or node.count_publishers(f"{EXECUTOR}/state"):
        raise UserError(
            "a policy or an executor runs already: stop it, so that only this motion is commanded"
        )
    arguments = {"robot": robot_file, "dry_run": "'false'", "black_box": "false"}
    options = [part for key, value in arguments.items() for part in ("-p", f"{key}:={value}")]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "executor.log"
        command = node_command("executor_node", "--ros-args", *options)
        try:
            with background_process(command, log) as alive:
                node.transition(EXECUTOR, CONFIGURE)
                node.transition(EXECUTOR, ACTIVATE)
                node.wait_for_state(EXECUTOR, ACTIVE, alive)
                found = node.wiggle(alive)
                node.transition(EXECUTOR, DEACTIVATE)
                return found
        except UserError as error:
            said = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise UserError(f"{error}; the executor said: {' / '.join(said)}") from error


def _place(signal: SignalSpec, value: Array) -> Array:
    """What moves: all joints, or where the hand is."""
    return value if signal.kind == JOINTS else value[:3]


def _way(robot: RobotConfig, start: Array) -> Array:
    """Away from the nearest border: up or down 10 mm, or 0.05 rad of the last joint."""
    signal = robot.output.signal
    low, high = robot.limits.range(signal.kind.range_keys)
    is_joints = signal.kind == JOINTS
    way = np.zeros(len(start) if is_joints else 3)
    far = WAY_RAD if is_joints else WAY_M
    middle = (low[-1] + high[-1]) / 2 if low is not None and high is not None else np.inf
    way[-1] = far if start[len(way) - 1] <= middle else -far
    return way


def _series(pairs: list[tuple[float, Array]]) -> tuple[Array, Array]:
    times_s, values = zip(*pairs, strict=True)
    return np.array(times_s), np.array(values)
