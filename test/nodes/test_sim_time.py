"""The executor on a simulator's clock that jumps and pauses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import pytest
from arm import Arm, Sender
from graph import Graph, NodeProcess
from rosgraph_msgs.msg import Clock
from stage import staged

from groot_ros.nodes.messages import to_time

PERIOD_S = 0.01
JUMP_NS = 10_000_000_000


class SimClock:
    """/clock, a hundred times a second."""

    def __init__(self, graph: Graph) -> None:
        self.time_ns = 1_000_000_000_000
        self.paused = False
        self._last_s = time.monotonic()
        self._publisher = graph.node.create_publisher(Clock, "/clock", 1)
        graph.node.create_timer(PERIOD_S, self._tick)

    def _tick(self) -> None:
        now_s = time.monotonic()
        if not self.paused:
            self.time_ns += int((now_s - self._last_s) * 1e9)
        self._last_s = now_s
        self._publisher.publish(Clock(clock=to_time(self.time_ns)))


@dataclass
class Simulated:
    """An arm that lives in simulated time, which a test can change."""

    arm: Arm
    clock: SimClock
    executor: NodeProcess


@pytest.fixture(scope="module")
def simulated() -> Iterator[Simulated]:
    with staged(use_sim_time=True) as stage, closing(Graph()) as outside, closing(Sender()) as s:
        clock = SimClock(outside)
        executor = stage.start("executor_node", use_sim_time="true")
        arm = Arm(stage.graph)
        stage.robot.follow("/target_pose")
        stage.activate("/executor")
        s.start(6.0, 1, None, "--ros-args", "-p", "use_sim_time:=true")
        yield Simulated(arm, clock, executor)


def longest_way_m(arm: Arm, since: int) -> float:
    """Between two commands."""
    places = np.array([[p.pose.position.x, p.pose.position.y] for p in arm.poses[since:]])
    return float(np.linalg.norm(np.diff(places, axis=0), axis=1).max())


@pytest.mark.parametrize("jump_ns", [JUMP_NS, -JUMP_NS])
def test_a_jump_of_the_clock_stops_the_arm_until_the_next_chunk(
    simulated: Simulated, jump_ns: int
) -> None:
    arm, clock = simulated.arm, simulated.clock
    arm.set_moving()
    commanded, logged = len(arm.poses), len(simulated.executor.output)
    clock.time_ns += jump_ns
    words = "stopped, the clock jumped or the executor was frozen"
    # The next chunk may come before the next state does.
    arm.graph.wait_for(
        lambda: any(words in line for line in simulated.executor.output[logged:]), words
    )
    arm.set_moving()
    assert longest_way_m(arm, commanded) < 0.5 * 5 * PERIOD_S
    print(f"fault: clock jumps by {jump_ns / 1e9:.0f} s | at rest at once | {words}")


def test_an_arm_stands_still_while_the_clock_does(simulated: Simulated) -> None:
    arm, clock = simulated.arm, simulated.clock
    arm.set_moving()
    commanded = len(arm.poses)
    clock.paused = True
    arm.graph.wait_for(
        lambda: len(arm.poses) > commanded + 60 and still(arm, 50), "commands of one place"
    )
    clock.paused = False
    arm.set_moving()
    assert longest_way_m(arm, commanded) < 0.5 * 5 * PERIOD_S
    print("fault: clock pauses | at rest at once | nothing: reports pause too")


def still(arm: Arm, count: int) -> bool:
    """Whether the last commands are one and the same place."""
    return len({(p.pose.position.x, p.pose.position.y) for p in arm.poses[-count:]}) == 1
