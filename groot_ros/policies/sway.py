"""A policy that sways a little about where the arm is: to see that everything is wired."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policy import Inputs
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.limits import Limits
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import GRIP, Signals, SignalSpec, of_arm

Array = NDArray[np.float64]

HORIZON = 16
STEP_NS = 1_000_000_000 // 15
# Half of the way there and back.
SWAY_M, SWAY_RAD = 0.03, 0.1
# No two axes together, so that each is seen; the joints have these in turn.
PERIODS_S = np.array([5.0, 6.0, 7.0])
# The motion grows to its full size in this time.
GROW_S = 2.0
GRIP_PERIOD_S = 4.0
# Nearer than this the arm does not come to what its file forbids.
MARGIN_M, MARGIN_RAD = 0.01, 0.02


class SwayPolicy:
    """Slow sines about the first pose, or the first joints, of an episode; the gripper opens and
    closes. Reads everything that the robot file names of the arm."""

    no_continuation = "the sway policy goes on by itself"

    def __init__(self, robot: RobotConfig) -> None:
        streams = robot.observations
        self.inputs = Inputs(tuple(streams.arm), tuple(streams.cameras))
        self._followed = [
            (replace(arm.output.signal, name=name), arm.limits)
            for arm, name in zip(robot.each_arm, robot.followed, strict=True)
        ]
        self._first: Observation | None = None

    def open(self) -> None:
        """Nothing has to be loaded."""

    def reset(self, instruction: str) -> None:
        """The next observation says where the arm sways; any instruction will do."""
        self._first = None

    def close(self) -> None:
        """Nothing is held."""

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """A chunk of 16 steps of 1/15 s; UserError where the observation lacks a moving signal."""
        self._first = first = self._first or observation
        steps_s = (observation.stamp_ns - first.stamp_ns + np.arange(HORIZON) * STEP_NS) / 1e9
        grips = (steps_s % GRIP_PERIOD_S >= GRIP_PERIOD_S / 2).astype(np.float64)
        signals: dict[SignalSpec, Array] = {}
        for signal, limits in self._followed:
            start = first.signals.get(signal.name)
            if start is None:
                raise UserError(
                    f"the sway policy needs {signal.name}: name it in the robot file's "
                    "observations"
                )
            signals[signal] = _swaying(signal, limits, start, steps_s)
            signals[replace(GRIP, name=of_arm(signal.arm, GRIP.name))] = grips
        return Chunk(observation.stamp_ns, STEP_NS, signals=Signals.of(signals))


def _swaying(signal: SignalSpec, limits: Limits, start: Array, steps_s: Array) -> Array:
    """Values (T, V) about where an arm was, within its limits."""
    growth = np.clip(steps_s / GROW_S, 0.0, 1.0)[:, None]
    values = np.tile(start, (HORIZON, 1))
    count, sway, margin = (3, SWAY_M, MARGIN_M)
    if signal.kind == JOINTS:
        count, sway, margin = (len(start), SWAY_RAD, MARGIN_RAD)
    values[:, :count] += sway * growth * _sines(steps_s, count)
    low, high = limits.range(signal.kind.range_keys)
    values[:, :count] = _within(values[:, :count], low, high, margin)
    return values


def _sines(times_s: Array, count: int) -> Array:
    """Sines (T, count) of different periods."""
    periods_s = PERIODS_S[np.arange(count) % len(PERIODS_S)]
    return np.asarray(np.sin(2 * np.pi * times_s[:, None] / periods_s))


def _within(
    values: Array, low: tuple[float, ...] | None, high: tuple[float, ...] | None, margin: float
) -> Array:
    if low is None or high is None:
        return values
    return np.clip(values, np.array(low) + margin, np.array(high) - margin)
