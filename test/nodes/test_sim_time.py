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
        self.speed = 1.0
        self.count = 0
        self._last_s = time.monotonic()
        self._publisher = graph.node.create_publisher(Clock, "/clock", 1)
        graph.node.create_timer(PERIOD_S, self._tick)

    def wait_told(self, times: int) -> None:
        """Until the time was told so many times more."""
        end = self.count + times
        while self.count < end:
            time.sleep(PERIOD_S)

    def _tick(self) -> None:
        now_s = time.monotonic()
        if not self.paused:
            self.time_ns += int((now_s - self._last_s) * self.speed * 1e9)
        self._last_s = now_s
        self.count += 1
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


def assert_no_jump(arm: Arm, since: int) -> None:
    """No command is farther than 0.5 m/s lead by the clock, or 25 mm where that has jumped."""
    stamps, places = (values[since:] for values in arm.commands())
    passed_s, ways = np.diff(stamps), np.linalg.norm(np.diff(places, axis=0), axis=1)
    went_on = (passed_s > 0) & (passed_s < 0.25)
    assert np.all(ways < 0.5 * np.where(went_on, passed_s + PERIOD_S, 5 * PERIOD_S))


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
    assert_no_jump(arm, commanded)
    print(f"fault: clock jumps by {jump_ns / 1e9:.0f} s | at rest at once | {words}")


def test_an_arm_stands_still_while_the_clock_does(simulated: Simulated) -> None:
    arm, clock = simulated.arm, simulated.clock
    arm.set_moving()
    clock.paused = True
    clock.wait_told(50)
    commanded = len(arm.poses)
    clock.wait_told(50)
    assert len(arm.poses) == commanded
    clock.paused = False
    arm.set_moving()
    assert_no_jump(arm, commanded)
    print("fault: clock pauses | at rest at once | nothing: reports pause too")


@pytest.mark.parametrize("speed", [0.3, 2.0])
def test_an_arm_moves_by_the_clock_however_fast_that_goes(
    simulated: Simulated, speed: float
) -> None:
    arm, clock = simulated.arm, simulated.clock
    clock.speed = speed
    arm.set_moving()
    commanded = len(arm.poses)
    arm.graph.wait_for(lambda: len(arm.poses) > commanded + 150, "commands")
    clock.speed = 1.0
    stamps, places = (values[commanded:] for values in arm.commands())
    # Chunks go along a circle at 0.1 m/s, and a while of the clock is never as long as it says.
    ends = np.searchsorted(stamps, stamps + 0.3)
    starts = np.flatnonzero(ends < len(stamps))
    ways = np.linalg.norm(places[ends[starts]] - places[starts], axis=1)
    speeds = ways / (stamps[ends[starts]] - stamps[starts])
    assert np.median(speeds) > 0.08 and speeds.max() < 0.13
