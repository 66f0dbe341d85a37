"""Draws figures of runtime.md and data.md from the code itself: `python docs/figures.py`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from groot_ros.calibration.latency import ArmMotion, camera_lag
from groot_ros.calibration.recording import read_recording
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.motion import Motion, Planner
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.governor import Governor
from groot_ros.robot.config import load_robot
from groot_ros.robot.limits import Limits
from groot_ros.robot.stream_time import ARRIVAL
from groot_ros.signals.kinds import POSE
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.tasks import Task

Array = NDArray[np.float64]

IMAGES = Path(__file__).parent / "images"
SIZE = (6.4, 2.8)
PERIOD_S, PERIOD_NS = 0.01, 10_000_000
DOWN = np.array([0.0, 1.0, 0.0, 0.0])
LIMITS = Limits(
    workspace_min=(0.0, -0.5, 0.0),
    workspace_max=(1.0, 0.5, 0.8),
    linear_velocity=0.5,
    angular_velocity=1.5,
    linear_acceleration=2.0,
    angular_acceleration=6.0,
)
BOUNDS = Bounds.of(LIMITS, POSE)
PLANNER = Planner(BOUNDS, PERIOD_S)
STEPS_S = np.arange(16) / 15
OLD, NEW, RESULT, LIMIT = "0.6", "tab:blue", "tab:orange", "tab:red"


def poses(x: Array, z: Array) -> Array:
    """Poses (T, 7) that point down, in the plane y = 0."""
    return np.column_stack([x, 0 * x, z, np.tile(DOWN, (len(x), 1))])


def pose(x: float, z: float) -> Array:
    return poses(np.array([x]), np.array([z]))[0]


def chunk(x: Array, z: Array) -> Curve:
    """The curve of a chunk of 15 steps per second."""
    return PLANNER.inside(PLANNER.curve(poses(x, z), 1 / 15))


def joined(curve: Curve, old: Motion, at_ns: int) -> Motion:
    before = old.value(at_ns - PERIOD_NS)
    velocity = BOUNDS.space.difference(old.value(at_ns), before) / PERIOD_S
    found = PLANNER.join(curve, 0.0, old, velocity, at_ns, 0.15, 1.0)
    assert found
    return found.motion


def draw_join() -> None:
    """A chunk arrives, its join is computed while the old motion goes on, then it takes over."""
    still = PLANNER.rest(pose(0.2, 0.3), 0)
    old = joined(chunk(0.2 + 0.3 * STEPS_S, 0.3 + 0 * STEPS_S), still, 0)
    arrived_s, at_s = 0.4, 0.46
    reached = old.curve.at(at_s)[0]
    new = chunk(reached + 0.3 * STEPS_S, 0.305 + 0.004 * np.sin(4 * STEPS_S))
    motion = joined(new, old, round(at_s * 1e9))
    times_s = np.arange(0.2, 1.0, 0.005)
    since_s = times_s - at_s
    heights = np.where(since_s < 0, old.curve.at(times_s)[:, 2], motion.curve.at(since_s)[:, 2])
    figure, axis = plt.subplots(figsize=SIZE, layout="constrained")
    axis.plot(times_s, old.curve.at(times_s)[:, 2] * 1e3, color=OLD, label="old motion")
    later = since_s >= 0
    axis.plot(times_s[later], new.at(since_s[later])[:, 2] * 1e3, color=NEW, label="new chunk")
    axis.plot(times_s, heights * 1e3, color=RESULT, lw=2, label="commands")
    axis.axvspan(arrived_s, at_s, color="0.9", label="the join is computed")
    axis.set(xlabel="time [s]", ylabel="height z [mm]")
    axis.legend(loc="upper left")
    figure.savefig(IMAGES / "runtime_join.svg")


def draw_fade() -> None:
    """A rest near the table and a chunk that comes down to it: a mean stays above the table."""
    still = PLANNER.rest(pose(0.2, 0.002), 0)
    new = chunk(0.2 + 0.3 * STEPS_S, 0.06 * np.maximum(0.0, 1 - 3.5 * STEPS_S) ** 2)
    motion = joined(new, still, 0)
    times_s = np.arange(0.0, 0.8, 0.005)
    u = np.minimum(times_s / 0.3, 1.0)
    left = 1 - u**3 * (10 - 15 * u + 6 * u**2)
    shifted = new.at(times_s)[:, 2] + left * (0.002 - new.at(0.0)[2])
    figure, axis = plt.subplots(figsize=SIZE, layout="constrained")
    axis.plot(times_s, new.at(times_s)[:, 2] * 1e3, color=NEW, label="new chunk")
    axis.plot(times_s, 0 * times_s + 2, color=OLD, label="old motion, at rest")
    axis.plot(times_s, shifted * 1e3, color=LIMIT, ls=":", label="chunk and a fading distance")
    axis.plot(times_s, motion.curve.at(times_s)[:, 2] * 1e3, color=RESULT, lw=2, label="commands")
    axis.axhline(0.0, color="k", lw=1)
    axis.set(xlabel="time [s]", ylabel="height z [mm]")
    axis.legend()
    figure.savefig(IMAGES / "runtime_fade.svg")


def draw_stop() -> None:
    """Stops from 0.5 m/s: free, and so near the table that the way has to bend."""
    figure, (way, speed) = plt.subplots(1, 2, figsize=SIZE, layout="constrained")
    velocity = np.array([0.46, 0.0, -0.19, 0.0, 0.0, 0.0])
    for height, color in ((0.06, NEW), (0.018, RESULT)):
        motion = PLANNER.stop(pose(0.2, height), velocity, 0)
        times_s = np.arange(0.0, motion.curve.duration_s, PERIOD_S / 2)
        values, velocities = motion.curve.state(times_s)
        speeds = np.linalg.norm(velocities[:, :3], axis=1)
        way.plot(values[:, 0] * 1e3, values[:, 2] * 1e3, color=color)
        speed.plot(times_s, speeds, color=color, label=f"from {height * 1e3:.0f} mm")
    way.axhline(0.0, color="k", lw=1)
    way.set(xlabel="x [mm]", ylabel="height z [mm]")
    speed.set(xlabel="time [s]", ylabel="speed [m/s]")
    speed.legend()
    figure.savefig(IMAGES / "runtime_stop.svg")


def draw_governor() -> None:
    """A path that goes down through the table at a speed that is not allowed."""
    governor = Governor(BOUNDS, PERIOD_S)
    governor.start(pose(0.2, 0.15))
    start, way, at = governor.value, np.array([0.006, 0, -0.002, 0, 0, 0, 0]), 0.0
    values, speeds, left = [start], [0.0], [False]
    while not left[-1] or not governor.is_still:
        step = governor.step(lambda share, a=at: start + (a + share) * way)
        at += step.share
        values.append(step.value)
        speeds.append(float(np.linalg.norm(governor.velocity[:3])))
        left.append(step.left_path)
        if len(values) > 300:
            break
    places, braking = np.array(values) * 1e3, np.array(left)
    figure, (path, speed) = plt.subplots(1, 2, figsize=SIZE, layout="constrained")
    path.plot([200, 710], [150, -20], color=OLD, label="path")
    path.plot(places[:, 0], places[:, 2], color=RESULT, lw=2, label="commands")
    path.plot(places[braking, 0], places[braking, 2], ".", color=LIMIT, label="off the path")
    path.axhline(0.0, color="k", lw=1)
    path.set(xlabel="x [mm]", ylabel="height z [mm]")
    path.legend()
    times_s = PERIOD_S * np.arange(len(speeds))
    speed.axhline(0.632, color=OLD, label="wanted")
    speed.axhline(0.5, color=LIMIT, lw=1, label="limit")
    speed.plot(times_s, speeds, color=RESULT, lw=2, label="commands")
    speed.set(xlabel="time [s]", ylabel="speed [m/s]")
    speed.legend()
    figure.savefig(IMAGES / "runtime_governor.svg")


def draw_calibration() -> None:
    """What a late camera of three simulated demonstrations matches."""
    robot, simulation, recordings = load_robot("sim"), Simulation(), []
    cameras = {
        name: replace(camera, clock=ARRIVAL) for name, camera in robot.observations.cameras.items()
    }
    robot = replace(robot, observations=replace(robot.observations, cameras=cameras))
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(3):
            simulation.reset(seed, Task("pick", "red"))
            path = Path(folder) / f"{seed}"
            record_episode(path, ScriptedPolicy(), simulation, BagOptions(camera_latency_s=0.047))
            recordings.append(read_recording(path, robot))
    motions = [
        ArmMotion(hand=recording.states["ee_pose"], joints=recording.states["joint_position"])
        for recording in recordings
    ]
    matched, shown = camera_lag(recordings, motions, "exterior")
    figure, (search, fit) = plt.subplots(
        1, 2, figsize=SIZE, layout="constrained", width_ratios=(1, 2)
    )
    search.plot(1e3 * matched.lags_s, matched.match, color=NEW)
    search.axvspan(1e3 * matched.estimate.low_s, 1e3 * matched.estimate.high_s, color="0.85")
    search.axvline(1e3 * matched.estimate.value_s, color=RESULT)
    search.set(xlabel="lag [ms]", ylabel="match")
    fit.plot(shown.times_s, shown.seen, color=NEW, label="change of the pictures")
    fit.plot(shown.times_s, shown.told, color=RESULT, ls="--", label="hand, joints and gripper")
    fit.set(xlabel="time [s]", ylabel="grey levels/s")
    fit.legend()
    figure.savefig(IMAGES / "data_calibration.svg")


def main() -> None:
    plt.rcParams["svg.hashsalt"] = "groot_ros"
    plt.rcParams["font.size"] = 9
    for draw in (draw_join, draw_fade, draw_stop, draw_governor, draw_calibration):
        draw()


if __name__ == "__main__":
    main()
