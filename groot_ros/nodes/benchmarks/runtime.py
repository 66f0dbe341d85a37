"""`groot-ros benchmark runtime`: executor and policy node in real time, with a late policy.

The robot is in this process: it follows commands like a first-order system and shows prepared
pictures, so that the two cores are left to the nodes.
"""

from __future__ import annotations

import array
import os
import random
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from numpy.typing import NDArray
from sensor_msgs.msg import Image, JointState

from groot_ros.benchmarks.path_policy import ideal_path
from groot_ros.chunks.measures import rms_jerk, sparc
from groot_ros.errors import UserError
from groot_ros.geometry import interpolate_pose, rotation_angle
from groot_ros.nodes.clients.operator_node import ACTIVATE, CONFIGURE, OperatorNode, running_node
from groot_ros.nodes.messages import pose_stamped, to_time
from groot_ros.nodes.processes import node_command
from groot_ros.observation.fields import from_pose, to_ns
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.share import share_file
from groot_ros_msgs.msg import ActionChunk, ChunkReport

Array = NDArray[np.float64]

STATE_RATE_HZ, CAMERA_RATE_HZ = 100.0, 30.0
WIDTH, HEIGHT = 640, 480
RESPONSE_S = 0.04
COMMAND_RATE_HZ = 200.0
SETTLE_S = 3.0
# A pause: slower than this for longer than that while the path goes on.
PAUSE_M_S, PAUSE_S = 0.003, 0.1


@dataclass(frozen=True)
class RuntimeLoad:
    """What is run: seconds for each strategy, latency and its jitter in s, share of lost ones."""

    seconds: float = 30.0
    latency_s: float = 0.15
    jitter_s: float = 0.05
    lost: float = 0.0
    command_rate_hz: float = COMMAND_RATE_HZ


@dataclass
class HeardRun:
    """Messages of the nodes during the measured time."""

    stamps_ns: list[int] = field(default_factory=list)
    poses: list[Array] = field(default_factory=list)
    executed: list[ChunkReport] = field(default_factory=list)
    published: list[ChunkReport] = field(default_factory=list)
    told: list[tuple[int, Array]] = field(default_factory=list)
    """When the robot said where it is, and what."""


class BenchmarkRobot(OperatorNode):
    """Follows commands, publishes its state and pictures, records."""

    def __init__(self, robot: RobotConfig) -> None:
        super().__init__("benchmark_robot")
        streams = robot.observations
        assert streams.ee_pose and streams.joint_position and robot.commands.ee_pose
        self._frame = robot.base_frame
        self._joints = [*streams.joint_position.joints, "fr3_finger_joint1"]
        self._pose = ideal_path(np.array([0], dtype=np.int64))[0]
        self._target: Array | None = None
        self.recording: HeardRun | None = None
        self._poses = self.create_publisher(PoseStamped, streams.ee_pose.topic, 10)
        self._states = self.create_publisher(JointState, streams.joint_position.topic, 10)
        self._cameras = [
            self.create_publisher(Image, camera.topic, 1) for camera in streams.cameras.values()
        ]
        pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        self._image = Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=3 * WIDTH)
        self._image.data = array.array("B", pixels.tobytes())
        self.create_subscription(PoseStamped, robot.commands.ee_pose, self._on_command, 100)
        self.create_subscription(ChunkReport, "executor/chunk_report", self._on_executed, 100)
        self.create_subscription(ChunkReport, "policy/chunk_report", self._on_published, 100)
        self.create_timer(1 / STATE_RATE_HZ, self._publish_state)
        self.create_timer(1 / CAMERA_RATE_HZ, self._publish_images)

    def _publish_state(self) -> None:
        now_ns = self.get_clock().now().nanoseconds
        if self._target is not None:
            share = 1 - np.exp(-1 / STATE_RATE_HZ / RESPONSE_S)
            self._pose = interpolate_pose(self._pose, self._target, share)
        self._poses.publish(pose_stamped(self._pose, now_ns, self._frame))
        if self.recording:
            self.recording.told.append((now_ns, self._pose))
        states = JointState(name=self._joints, position=[0.0] * len(self._joints))
        states.header.stamp = to_time(now_ns)
        self._states.publish(states)

    def _publish_images(self) -> None:
        # A camera that never changes its picture counts as broken.
        self._image.data[0] = (self._image.data[0] + 1) % 256
        for camera in self._cameras:
            self._image.header.stamp = self.get_clock().now().to_msg()
            camera.publish(self._image)

    def _on_command(self, message: PoseStamped) -> None:
        self._target = from_pose(message.pose)
        if self.recording:
            self.recording.stamps_ns.append(to_ns(message.header.stamp))
            self.recording.poses.append(self._target)

    def _on_executed(self, report: ChunkReport) -> None:
        if self.recording:
            self.recording.executed.append(report)

    def _on_published(self, report: ChunkReport) -> None:
        if self.recording:
            self.recording.published.append(report)

    def spin_for(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            rclpy.spin_once(self, timeout_sec=left_s)


def local_graph() -> None:
    """Isolate this process and its children: a random ROS domain, on this machine alone, with
    shared memory for pictures."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 100)))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    os.environ.setdefault("FASTRTPS_DEFAULT_PROFILES_FILE", str(share_file("config/fastdds.xml")))


def incidents_folder() -> TemporaryDirectory[str]:
    """A temporary folder for incidents of a run; an executor that has ended may still write into
    it."""
    return TemporaryDirectory(ignore_cleanup_errors=True)


@contextmanager
def node_process(name: str, **parameters: object) -> Iterator[subprocess.Popen[bytes]]:
    """A node of the package in a process of its own, which ends with the block."""
    arguments = [part for key, v in parameters.items() for part in ("-p", f"{key}:={v}")]
    process = subprocess.Popen(node_command(name, "--ros-args", *arguments))
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(load: RuntimeLoad, strategies: list[str]) -> tuple[dict[str, object], dict[str, HeardRun]]:
    """Numbers and recordings of each strategy, one after the other."""
    recordings = {name: record(load, name) for name in strategies}
    results = {name: measure(recording, load) for name, recording in recordings.items()}
    conditions = {
        "seconds": load.seconds,
        "latency_s": load.latency_s,
        "jitter_s": load.jitter_s,
        "lost": load.lost,
        "command_rate_hz": load.command_rate_hz,
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
    }
    return {"conditions": conditions, "strategies": results}, recordings


def record(load: RuntimeLoad, strategy: str) -> HeardRun:
    """Messages of the nodes with a strategy; UserError where they did not start."""
    local_graph()
    late = {"latency": load.latency_s, "jitter": load.jitter_s, "loss": load.lost}
    with running_node(lambda: BenchmarkRobot(load_robot("sim"))) as robot, ExitStack() as nodes:
        incidents = nodes.enter_context(incidents_folder())
        executor = {"command_rate": load.command_rate_hz, "incident_folder": incidents}
        nodes.enter_context(node_process("executor_node", strategy=strategy, **executor))
        nodes.enter_context(node_process("path_policy_node", strategy=strategy, **late))
        for transition in (CONFIGURE, ACTIVATE):
            for node in ("executor", "policy"):
                robot.transition(node, transition)
        robot.spin_for(SETTLE_S)
        robot.recording = recording = HeardRun()
        robot.spin_for(load.seconds)
        robot.recording = None
    if not recording.poses:
        raise UserError(f"strategy {strategy} gave no commands: see the output of the nodes")
    return recording


def _percentile(values: list[float], percent: float) -> float:
    return float(np.percentile(values, percent)) if values else 0.0


def measure(recording: HeardRun, load: RuntimeLoad) -> dict[str, float]:
    """The numbers of one recording."""
    stamps_ns, poses = np.array(recording.stamps_ns), np.array(recording.poses)
    stamps_ns, first = np.unique(stamps_ns, return_index=True)
    poses = poses[first]
    periods_s = np.diff(stamps_ns) / 1e9
    step_s = 1 / load.command_rate_hz
    ideal = ideal_path(stamps_ns)
    # A command is one period of the motion, however late it comes.
    even = poses[:, :3]
    speeds = np.linalg.norm(np.diff(even, axis=0), axis=1) / step_s
    executed, published = recording.executed, recording.published
    seams = [r for r in executed if not r.rejected]
    overheads_s = [r.queue_time + r.decode_time + r.publish_time for r in published]
    return {
        "seam_mm_p95": _percentile([r.seam_jump_position * 1e3 for r in seams], 95),
        "seam_deg_p95": _percentile([np.degrees(r.seam_jump_rotation) for r in seams], 95),
        "gap_mm_p95": _percentile([r.gap_position * 1e3 for r in seams], 95),
        "gap_deg_p95": _percentile([np.degrees(r.gap_rotation) for r in seams], 95),
        "starved_steps": float(sum(r.starved_steps for r in seams)),
        "rejected_chunks": float(len(executed) - len(seams)),
        "unfamiliar_chunks": float(sum(r.grade >= ActionChunk.SLOW for r in published)),
        "chunks": float(len(published)),
        "command_rate_hz": float(1 / np.mean(periods_s)),
        "command_jitter_ms_p99": _percentile((np.abs(periods_s - step_s) * 1e3).tolist(), 99),
        "overhead_ms_p99": _percentile([value * 1e3 for value in overheads_s], 99),
        "overhead_ms_p50": _percentile([value * 1e3 for value in overheads_s], 50),
        "interventions": float(sum(r.interventions for r in executed)),
        "rms_jerk_m_s3": rms_jerk(even, step_s),
        "sparc": sparc(speeds, step_s),
        "tracking_mm_rms": float(
            np.sqrt(np.mean(np.sum((poses - ideal)[:, :3] ** 2, axis=1))) * 1e3
        ),
        "tracking_deg_rms": float(
            np.degrees(np.sqrt(np.mean(rotation_angle(poses[:, 3:], ideal[:, 3:]) ** 2)))
        ),
        "pauses": float(_pauses(speeds, step_s)),
    }


def _pauses(speeds: Array, step_s: float) -> int:
    """How often the motion stands still for long."""
    still = np.concatenate([[False], speeds < PAUSE_M_S, [False]])
    changes = np.flatnonzero(np.diff(still.astype(int)))
    lengths = changes[1::2] - changes[::2]
    return int(np.sum(lengths * step_s > PAUSE_S))
