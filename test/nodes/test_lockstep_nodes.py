"""A clock and its members over DDS."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
import rclpy
from graph import WAIT_S
from rclpy.context import Context
from std_msgs.msg import Int64

from groot_ros.nodes.lockstep_clock import LockstepClock
from groot_ros.nodes.lockstep_member import LockstepMember
from groot_ros.nodes.lockstep_traffic import TrafficNode
from groot_ros.nodes.spinning import Spinner
from groot_ros.observation.fields import to_ns
from groot_ros.timing.lockstep import Tick
from groot_ros_msgs.msg import LockstepReport

PERIOD_NS = 10_000_000
# For a member that hangs; any other is waited for.
PATIENCE_S = 3.0


class Echo:
    """A member that publishes what it knows of a topic at each tick."""

    def __init__(self, name: str, hears: str, says: str, context: Context) -> None:
        self.node = TrafficNode(name, context=context)
        self.heard = 0
        self.ticks: list[tuple[int, int]] = []
        self.willing = True
        self._publisher = self.node.create_publisher(Int64, says, 1)
        self.node.create_subscription(Int64, hears, self._hear, 1)
        self.member = LockstepMember(self.node, self._handle)

    def _hear(self, message: Int64) -> None:
        self.heard = message.data

    def _handle(self, tick: Tick) -> bool:
        if self.willing:
            self.ticks.append((tick.stamp_ns, self.heard))
            self._publisher.publish(Int64(data=tick.stamp_ns))
        return self.willing


@contextmanager
def spinning(node: TrafficNode, context: Context) -> Iterator[None]:
    spinner = Spinner(node, context)
    try:
        yield
    finally:
        spinner.close(WAIT_S)
        node.destroy_node()


class DeafClock(LockstepClock):
    """A clock that a report of a given tick does not reach, the first time."""

    lost_ns: int | None = None

    def _on_report(self, message: LockstepReport) -> None:
        if to_ns(message.stamp) == self.lost_ns:
            self.lost_ns = None
        else:
            super()._on_report(message)


class World:
    """A robot that publishes its time on `state` and counts what it is told on `command`."""

    def __init__(self, context: Context, patience_s: float) -> None:
        self.node = TrafficNode("robot", context=context)
        self.commands: list[tuple[int, int]] = []
        self._command = 0
        self._states = self.node.create_publisher(Int64, "state", 1)
        self.node.create_subscription(Int64, "command", self._on_command, 1)
        self.clock = DeafClock(self.node, PERIOD_NS, 0.0, patience_s)
        self.reached = threading.Condition()

    def _on_command(self, message: Int64) -> None:
        self._command = message.data

    def run(self, until_ns: int) -> None:
        while self.clock.time_ns <= until_ns:
            now_ns = self.clock.time_ns
            self._states.publish(Int64(data=now_ns))
            self.clock.tick()
            self.commands.append((now_ns, self._command))


@pytest.fixture
def context(ros_domain: int) -> Iterator[Context]:
    context = Context()
    rclpy.init(context=context)
    yield context
    context.shutdown()


def test_each_tick_is_handled_with_all_that_came_before_and_commands_are_those_of_the_tick(
    context: Context,
) -> None:
    world = World(context, WAIT_S)
    executor = Echo("executor", "state", "command", context)
    policy = Echo("policy", "command", "chunk", context)
    with (
        spinning(world.node, context),
        spinning(executor.node, context),
        spinning(policy.node, context),
        closing(executor.member),
        closing(policy.member),
    ):
        wait_for(lambda: executor._publisher.get_subscription_count() == 2)
        executor.member.join()
        policy.member.join()
        wait_for(lambda: len(world.clock.members) == 2)
        world.run(100 * PERIOD_NS)
        assert [stamp for stamp, _ in executor.ticks] == [PERIOD_NS * k for k in range(1, 101)]
        # The robot's state is that of the tick, and so is the command that it goes on with.
        assert all(stamp == heard for stamp, heard in executor.ticks)
        assert all(stamp == command for stamp, command in world.commands)
        # Among members what one says at a tick is known to the others at the next one.
        assert all(heard >= stamp - PERIOD_NS for stamp, heard in policy.ticks[1:])


@contextmanager
def joined(context: Context, patience_s: float) -> Iterator[tuple[World, Echo]]:
    """A world, and an executor that it waits for."""
    world = World(context, patience_s)
    executor = Echo("executor", "state", "command", context)
    with (
        spinning(world.node, context),
        spinning(executor.node, context),
        closing(executor.member),
    ):
        wait_for(lambda: executor._publisher.get_subscription_count() == 1)
        executor.member.join()
        wait_for(lambda: world.clock.members)
        yield world, executor


def test_a_report_that_is_lost_is_made_again(context: Context) -> None:
    with joined(context, WAIT_S) as (world, executor):
        world.clock.lost_ns = 3 * PERIOD_NS
        began_s = time.monotonic()
        world.run(5 * PERIOD_NS)
        assert world.clock.lost_ns is None and time.monotonic() - began_s < WAIT_S
        assert world.clock.members and [stamp for stamp, _ in executor.ticks] == [
            PERIOD_NS * k for k in range(1, 6)
        ]
        assert all(stamp == command for stamp, command in world.commands)


def test_who_hangs_or_leaves_is_not_waited_for_and_whoever_comes_back_is(
    context: Context,
) -> None:
    with joined(context, PATIENCE_S) as (world, executor):
        executor.willing = False
        world.run(5 * PERIOD_NS)
        assert not world.clock.members and not executor.ticks
        executor.willing = True
        executor.member.review()
        wait_for(lambda: world.clock.members)
        world.run(20 * PERIOD_NS)
        assert world.commands[-1] == (20 * PERIOD_NS, 20 * PERIOD_NS)
        executor.member.leave()
        wait_for(lambda: not world.clock.members)
        world.run(30 * PERIOD_NS)
        assert executor.ticks[-1][0] == 20 * PERIOD_NS


def wait_for(condition) -> None:
    event = threading.Event()
    for _ in range(int(WAIT_S / 0.01)):
        if condition():
            return
        event.wait(0.01)
    raise AssertionError("waited too long")
