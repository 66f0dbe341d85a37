"""A policy that follows a known path, as late and as undecided as it is told to be."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.envelope import Envelope, EnvelopeMonitor, measure_envelope
from groot_ros.codecs.catalog import find_codec
from groot_ros.errors import UserError
from groot_ros.geometry import interpolate_pose, multiply_quats, rotvec_to_quat
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policy import Inputs
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.signals import EE_POSE, arm_signals

Array = NDArray[np.float64]

HORIZON = 16
STEP_NS = 1_000_000_000 // 15
CENTER = np.array([0.5, 0.0, 0.35])
DOWN_WXYZ = np.array([0.0, 1.0, 0.0, 0.0])
REACH_M = np.array([0.08, 0.12, 0.05])
TILT_RAD = np.array([0.15, 0.2, 0.3])
PERIODS_S = np.array([6.0, 9.0, 7.0])
# How the steps behind the frozen ones give way, as in NVIDIA's N1.7 policy.
RAMP_RATE = 6.0
DEMONSTRATED_STEPS = 1000


def ideal_path(times_ns: NDArray[np.int64]) -> Array:
    """Poses (N, 7) at times (N,): slow sines about a point above the table."""
    phase = 2 * np.pi * (times_ns[:, None] / 1e9) / PERIODS_S
    quats = multiply_quats(rotvec_to_quat(TILT_RAD * np.cos(phase)), DOWN_WXYZ)
    return np.concatenate([CENTER + REACH_M * np.sin(phase), quats], axis=1)


@dataclass(frozen=True)
class Conditions:
    """Latency in s, uniform within `jitter_s` to both sides; the share of inferences that are
    lost; the standard deviation by which a whole chunk misses the path."""

    latency_s: float = 0.15
    jitter_s: float = 0.05
    lost: float = 0.0
    sigma_m: float = 0.002
    sigma_rad: float = 0.01
    seed: int = 0


class PathPolicy:
    """Chunks along `ideal_path`; each is a little off in its own way, as samples of a generative
    policy are, but continues a prefix."""

    no_continuation = ""
    inputs = Inputs(fields=("ee_pose", "joint_position", "grip"), cameras=("exterior", "wrist"))

    def __init__(self, conditions: Conditions, robot: RobotConfig) -> None:
        self.conditions = conditions
        self._rng = np.random.default_rng(conditions.seed)
        self._monitor = _path_monitor(robot)

    def open(self) -> None:
        """Nothing has to be loaded."""

    def reset(self, instruction: str) -> None:
        """Only the monitor forgets what it saw last."""
        self._monitor.reset()

    def close(self) -> None:
        """Nothing is held."""

    def latency_s(self) -> float:
        """A random duration of an inference in s."""
        c = self.conditions
        return max(0.0, float(c.latency_s + self._rng.uniform(-c.jitter_s, c.jitter_s)))

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """16 steps of 1/15 s, after the latency; UserError for an inference that is lost."""
        time.sleep(self.latency_s())
        if self._rng.random() < self.conditions.lost:
            raise UserError("this inference is one of those that are to be lost")
        chunk = self.chunk(observation.stamp_ns, prefix)
        return replace(chunk, verdict=self._monitor.check(observation, chunk))

    def chunk(self, stamp_ns: int, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """The chunk of an observation, at once."""
        c = self.conditions
        poses = ideal_path(stamp_ns + np.arange(HORIZON) * STEP_NS)
        poses[:, :3] += self._rng.normal(scale=c.sigma_m, size=3)
        turn = rotvec_to_quat(self._rng.normal(scale=c.sigma_rad, size=3))
        poses[:, 3:] = multiply_quats(turn, poses[:, 3:])
        if prefix is not None:
            running = prefix.steps.signals[EE_POSE.name][:HORIZON]
            poses = continued(poses, running, prefix.frozen_steps)
        signals = arm_signals(ee_pose=poses, grip=np.zeros(HORIZON))
        return Chunk(stamp_ns, STEP_NS, signals=signals)


def _path_monitor(robot: RobotConfig) -> EnvelopeMonitor:
    """What demonstrations of the path would be like, by an arm that rests in its joints."""
    codec = find_codec("ee_rot6d_joints").codec(robot)
    poses = ideal_path(np.arange(DEMONSTRATED_STEPS, dtype=np.int64) * STEP_NS)
    assert robot.observations.joint_position
    joints = np.zeros((len(poses), len(robot.observations.joint_position.joints)))
    action = codec.action.encode(arm_signals(ee_pose=poses, grip=np.zeros(len(poses))))
    state = {**action, "joint_position": joints}
    columns = [
        np.concatenate([values[feature.key] for feature in features], axis=1)
        for values, features in ((state, codec.features.state), (action, codec.features.action))
    ]
    measured = measure_envelope(codec.modality(), [(columns[0], columns[1])], 1e9 / STEP_NS)
    return EnvelopeMonitor(Envelope.of(measured), codec)


def continued(poses: Array, running: Array, frozen_steps: int) -> Array:
    """Poses (T, 7) whose first steps are those of `running` (P, 7): the frozen ones unchanged,
    the others giving way."""
    count = len(running)
    frozen = min(frozen_steps, count)
    ramp = 1 - np.exp(-RAMP_RATE * np.linspace(0.0, 1.0, count - frozen + 2))
    weights = np.concatenate([np.zeros(frozen), (ramp / ramp[-1])[1:-1]])
    result = poses.copy()
    result[:count] = interpolate_pose(running, poses[:count], weights)
    return result
