"""A relative policy near its goal: chunks start from the measured pose, which lags behind."""

from __future__ import annotations

import numpy as np
import pytest
from test_chunks import DOWN, STEP

from groot_ros.benchmarks.path_policy import HORIZON, continued
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.progress import Continuation
from groot_ros.observation.types import Prefix
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import arm_signals

TICK_NS = 5_000_000
START, GOAL = np.array([0.25, -0.3, 0.3]), np.array([0.7, 0.3, 0.3])
SPEED_M_S, RESPONSE_S, LATENCY_NS = 0.15, 0.08, 150_000_000
SECONDS, LAST_S, ARRIVED_M, SETTLED_M = 14, 4, 0.01, 0.005


def relative_chunk(
    stamp_ns: int, measured: np.ndarray, rng: np.random.Generator, prefix: Prefix[Chunk] | None
) -> Chunk:
    """Steps from the measured place towards the goal, each chunk a little aside in its own way.

    As in demonstrations that are labelled with commands, the steps lead the arm by its lag.
    """
    way = GOAL - measured
    length = float(np.linalg.norm(way))
    times_s = (np.arange(HORIZON) + 1) * STEP / 1e9 + RESPONSE_S
    gone = np.minimum(SPEED_M_S * times_s, length)
    places = measured + gone[:, None] * way / max(length, 1e-9)
    places += rng.normal(scale=0.003, size=3) * np.linspace(0.0, 1.0, HORIZON)[:, None]
    poses = np.column_stack([places, np.tile(DOWN, (HORIZON, 1))])
    if prefix is not None:
        poses = continued(poses, prefix.steps.signals["ee_pose"][:HORIZON], prefix.frozen_steps)
    return Chunk(stamp_ns, STEP, signals=arm_signals(ee_pose=poses))


def reach(strategy: str) -> tuple[float, float, float]:
    """Time in s to come near the goal, until it stays very near, and the range in m there."""
    rng = np.random.default_rng(3)
    limits = load_robot("sim").limits
    settings = ExecutionSettings(strategy=strategy, watchdog_s=3.0, period_s=TICK_NS / 1e9)
    executor = ChunkExecutor(limits, settings)
    robot = np.concatenate([START, DOWN])
    executor.start_from(robot, {"grip": 0.0}, 0)
    continuation = Continuation()
    places, chunk_id, pending, arrived_s = [], 0, None, float("inf")
    for now_ns in range(0, SECONDS * 1_000_000_000, TICK_NS):
        idle = executor.progress(now_ns) is None
        # Playing a chunk out means to look only then; the others look all the time.
        if pending is None and (idle or strategy != "finish"):
            prefix = continuation.prefix(now_ns) if strategy == "rtc" else None
            pending = relative_chunk(now_ns, robot[:3], rng, prefix), now_ns + LATENCY_NS
        elif pending is not None and now_ns >= pending[1]:
            chunk_id += 1
            assert executor.accept(chunk_id, pending[0], now_ns) is None
            continuation.published(chunk_id, pending[0], now_ns)
            pending = None
        setpoint = executor.setpoint(now_ns)
        if setpoint is not None:
            share = 1 - np.exp(-TICK_NS / 1e9 / RESPONSE_S)
            robot = np.concatenate([robot[:3] + share * (setpoint.value - robot)[:3], DOWN])
        if progress := executor.progress(now_ns):
            continuation.measured(progress)
        places.append(robot[:3])
        if np.linalg.norm(robot[:3] - GOAL) < ARRIVED_M:
            arrived_s = min(arrived_s, now_ns / 1e9)
    last = np.array(places[-LAST_S * 1_000_000_000 // TICK_NS :])
    away = np.flatnonzero(np.linalg.norm(np.array(places) - GOAL, axis=1) > SETTLED_M)
    settled_s = (away[-1] + 1) * TICK_NS / 1e9
    return arrived_s, settled_s, float(np.ptp(last, axis=0).max())


def test_real_time_chunking_is_sooner_at_the_goal_and_calmer_than_playing_chunks_out() -> None:
    arrived_s, settled_s, swing_m = reach("rtc")
    played_s, unrest_s, played_m = reach("finish")
    assert arrived_s < played_s < SECONDS
    assert settled_s < unrest_s
    assert swing_m < 0.5 * played_m


@pytest.mark.parametrize("strategy", ["latest", "ensemble"])
def test_the_other_strategies_arrive_too(strategy: str) -> None:
    assert reach(strategy)[0] < SECONDS
