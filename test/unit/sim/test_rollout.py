"""Chunks that continue each other, in closed loop without the nodes."""

from __future__ import annotations

import pytest

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.strategies import AUTO
from groot_ros.observation.types import Observation, Prefix
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.rollout import RolloutConfig, run_episode
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.tasks import Task
from groot_ros.timing.latency import Latency

LATENCY_S = 0.4


class Continuing(ScriptedPolicy):
    """Notes what it is to continue."""

    no_continuation = ""

    def __init__(self) -> None:
        super().__init__()
        self.prefixes: list[Prefix[Chunk] | None] = []

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        self.prefixes.append(prefix)
        return super().predict(observation)


@pytest.mark.parametrize(
    ("asked", "chosen", "obstacle"),
    [
        (AUTO, "rtc", ""),
        (AUTO, "latest", "it cannot"),
        ("rtc", "rtc", ""),
        ("finish", "finish", ""),
    ],
)
def test_a_policy_hears_what_it_continues_where_it_can(
    asked: str, chosen: str, obstacle: str
) -> None:
    simulation, policy = Simulation(), Continuing()
    policy.no_continuation = obstacle
    simulation.reset(100, Task("reach"))
    config = RolloutConfig(
        executed_steps=0, time_limit_s=3.0, latency=Latency(LATENCY_S), strategy=asked
    )
    episode = run_episode(policy, simulation, config)
    simulation.close()
    assert episode.strategy == chosen
    first, second, *later = policy.prefixes
    assert first is None and len(later) > 2
    if chosen != "rtc":
        assert not any([second, *later])
        return
    for prefix, moment in zip(later, episode.moments[2:], strict=True):
        assert prefix and prefix.steps.stamp_ns == moment.observation.stamp_ns
        # What passes until the chunk comes, in steps of 1/15 s.
        assert LATENCY_S * 15 <= prefix.frozen_steps <= LATENCY_S * 15 + 3
