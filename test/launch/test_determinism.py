"""One scene takes the same course through the nodes, beside any load, and without them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from groot_ros.demo.trace import Trace
from groot_ros.nodes.clients.operator_node import running_node
from groot_ros.nodes.clients.ros2_process import policy_launch, ros2_process
from groot_ros.nodes.clients.witness_node import WitnessNode
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import PolicyChoice
from groot_ros.robot.config import load_robot
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.rollout import SETTLE_S, RolloutConfig, run_episode
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.tasks import Task
from groot_ros.timing.latency import Delays, Latency, SimulatedTime

SCENE, SECONDS, SEED = 60_003, 3.0, 5
LATENCY = Latency(0.15, 0.1, 0.1, SEED)
POLICY = PolicyChoice("scripted", "scripted", LocalPolicyConfig("", seed=SEED))
BUSY_PROCESSES = 2
MS = 1_000_000


@dataclass(frozen=True)
class Course:
    """Times in ns since the policy began; poses (N, 7), chunks (N, 16, 7)."""

    measured_ns: list[int]
    measured: NDArray[np.float64]
    commanded: NDArray[np.float64]
    observed_ns: list[int]
    chunks: NDArray[np.float64]


@contextmanager
def busy(count: int) -> Iterator[None]:
    # Not as urgent as tests over ROS are, of which others may run beside this one.
    command = ["nice", "-n", "5", "yes"]
    processes = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def run_nodes(log: Path, beside: AbstractContextManager[None]) -> Course:
    """The course while `beside` goes on, which begins once all nodes are there."""
    timing = SimulatedTime(LATENCY)
    trace = Trace("scripted")
    launch = policy_launch(POLICY, replan_steps="4", **timing.launch_arguments)
    with (
        ros2_process(launch, log) as alive,
        running_node(lambda: WitnessNode(load_robot("sim"))) as witness,
    ):
        witness.wait_for_nodes(alive)
        with beside:
            witness.set_scene(SCENE, Task("pick"))
            witness.watch(trace)
            witness.start_policy()
            began_ns, end_ns = witness.began_ns, witness.began_ns + round(SECONDS * 1e9)
            witness.clock.stop_at(end_ns)
            witness.look_away()
            witness.stop_policy()
    assert "goes on without" not in log.read_text()
    # What is published at the last tick is known to others at the next one.
    measured = [sample for sample in trace.measured if began_ns <= sample.stamp_ns <= end_ns]
    chunks = [made for made in trace.chunks if made.published_ns < end_ns - MS]
    return Course(
        [sample.stamp_ns - began_ns for sample in measured],
        np.array([sample.values for sample in measured]),
        np.array([s.values for s in trace.commanded if s.stamp_ns < end_ns]),
        [made.chunk.stamp_ns - began_ns for made in chunks],
        np.array([made.chunk.signals["ee_pose"] for made in chunks]),
    )


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory, module_domain: int) -> Course:
    return run_nodes(tmp_path_factory.mktemp("idle") / "log", nullcontext())


def test_beside_busy_processes_nothing_changes(
    idle: Course, module_domain: int, tmp_path: Path
) -> None:
    loaded = run_nodes(tmp_path / "log", busy(BUSY_PROCESSES))
    assert loaded.observed_ns == idle.observed_ns and len(idle.observed_ns) > 8
    np.testing.assert_allclose(loaded.chunks, idle.chunks, atol=1e-4)
    assert len(idle.commanded) > 200
    np.testing.assert_allclose(loaded.commanded, idle.commanded, atol=1e-4)
    common = sorted(set(loaded.measured_ns) & set(idle.measured_ns))
    assert len(common) > 290
    places = [
        course.measured[[course.measured_ns.index(ns) for ns in common]]
        for course in (loaded, idle)
    ]
    np.testing.assert_allclose(*places, atol=1e-4)
    moved_m = np.linalg.norm(idle.measured[-1, :3] - idle.measured[0, :3])
    assert moved_m > 0.1


def test_without_nodes_it_is_the_same(idle: Course) -> None:
    simulation = Simulation()
    simulation.reset(SCENE, Task("pick"))
    config = RolloutConfig(executed_steps=4, time_limit_s=SECONDS, latency=LATENCY)
    episode = run_episode(ScriptedPolicy(), simulation, config)
    delays = Delays(LATENCY)
    arrived = [m for m in episode.moments if not delays.next(0).is_lost][: len(idle.chunks)]
    settled_ns = round(SETTLE_S * 1e9)
    assert [m.observation.stamp_ns - settled_ns for m in arrived] == idle.observed_ns
    chunks = np.array([moment.chunk.signals["ee_pose"] for moment in arrived])
    np.testing.assert_allclose(chunks, idle.chunks, atol=1e-4)
