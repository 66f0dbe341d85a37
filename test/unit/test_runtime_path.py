"""The policy on a known path, which the runtime benchmark measures with."""

from __future__ import annotations

import numpy as np
import pytest
from test_chunks import STEP

from groot_ros.benchmarks.path_policy import Conditions, PathPolicy, continued, ideal_path
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.progress import Continuation
from groot_ros.geometry import rotation_angle
from groot_ros.robot.config import load_robot

TICK_NS = 5_000_000


def test_without_errors_the_chunk_is_the_path() -> None:
    chunk = PathPolicy(Conditions(sigma_m=0.0, sigma_rad=0.0), load_robot("sim")).chunk(123)
    np.testing.assert_allclose(
        chunk.signals["ee_pose"], ideal_path(chunk.step_times_ns()), atol=1e-12
    )


def test_frozen_steps_stay_and_the_others_give_way() -> None:
    poses = ideal_path(np.arange(16) * STEP)
    running = poses[:10].copy()
    running[:, 0] += 0.01
    result = continued(poses, running, frozen_steps=3)
    shift = result[:, 0] - poses[:, 0]
    np.testing.assert_allclose(shift[:3], 0.01, atol=1e-12)
    assert np.all(np.diff(shift[2:11]) < 0)
    np.testing.assert_array_equal(shift[10:], 0.0)


def rolled_out(strategy: str) -> tuple[np.ndarray, list[float]]:
    """Commands of ten seconds with 150 +- 50 ms latency in simulated time, and the gaps."""
    robot = load_robot("sim")
    policy = PathPolicy(Conditions(seed=1), robot)
    settings = ExecutionSettings(strategy=strategy, period_s=TICK_NS / 1e9)
    executor = ChunkExecutor(robot.limits, settings)
    executor.start_from(ideal_path(np.array([0]))[0], {"grip": 0.0}, 0)
    continuation, commands, gaps = Continuation(), [], []
    observed_ns, due_ns, chunk_id = 0, -1, 0
    for now_ns in range(0, 10_000_000_000, TICK_NS):
        if due_ns < 0:
            observed_ns = now_ns
            due_ns = now_ns + int(policy.latency_s() * 1e9)
            prefix = continuation.prefix(now_ns) if strategy == "rtc" else None
            chunk = policy.chunk(observed_ns, prefix)
        elif now_ns >= due_ns:
            chunk_id, due_ns = chunk_id + 1, -1
            assert executor.accept(chunk_id, chunk, now_ns) is None
            continuation.published(chunk_id, chunk, now_ns)
        setpoint = executor.setpoint(now_ns)
        if setpoint is not None:
            commands.append(setpoint.value)
        if progress := executor.progress(now_ns):
            continuation.measured(progress)
        gaps += [e.gap.position_m for e in executor.take_ended()]
        assert all(e.starved == 0 for e in executor.take_ended())
    return np.array(commands), gaps[3:]


@pytest.mark.parametrize("strategy", ["latest", "ensemble", "rtc"])
def test_late_and_undecided_chunks_make_a_smooth_motion(strategy: str) -> None:
    poses, _ = rolled_out(strategy)
    after = poses[200:]
    accelerations = np.diff(after[:, :3], n=2, axis=0) / (TICK_NS / 1e9) ** 2
    assert np.linalg.norm(accelerations, axis=1).max() < 4.0 * 1.15
    times_ns = np.arange(len(poses)) * TICK_NS + (10_000_000_000 - len(poses) * TICK_NS)
    ideal = ideal_path(times_ns)[200:]
    assert np.linalg.norm((after - ideal)[:, :3], axis=1).max() < 0.025
    assert rotation_angle(after[:, 3:], ideal[:, 3:]).max() < 0.08


def test_real_time_chunking_closes_the_gaps_between_chunks() -> None:
    _, gaps = rolled_out("rtc")
    _, wide = rolled_out("latest")
    assert np.percentile(gaps, 95) < 0.2 * np.percentile(wide, 95)
