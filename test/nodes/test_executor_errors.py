"""An error in the executor's own code, or a clock that is set while it runs: the command thread
goes on until the arm rests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import rclpy
from arm import Arm, Sender
from graph import FakeRobot, Graph
from rclpy.context import Context
from rclpy.parameter import Parameter
from rclpy.time import Time

from groot_ros.nodes.executor.executor_node import ExecutorNode
from groot_ros.nodes.spinning import Spinner

SIM_ACCELERATION_M_S2 = 4.0


@pytest.fixture
def node(graph: Graph, robot: FakeRobot) -> Iterator[ExecutorNode]:
    """In the test's process, so that the test can break it."""
    context = Context()
    rclpy.init(context=context)
    node = ExecutorNode(context=context, parameter_overrides=[Parameter("watchdog", value=30.0)])
    spinner = Spinner(node, context)
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    yield node
    assert graph.transition("/executor", "deactivate")
    assert graph.transition("/executor", "cleanup")
    spinner.close()
    node.destroy_node()
    context.shutdown()


def broken(*_: Any) -> Any:
    raise RuntimeError("no reason")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        ("_motion", "setpoint"),
        # After the command has been sent.
        ("_setpoints", "send"),
    ],
)
def test_whatever_raises_the_commands_go_on_until_the_arm_rests(
    graph: Graph, robot: FakeRobot, node: ExecutorNode, owner: str, name: str
) -> None:
    arm = Arm(graph)
    robot.follow("/target_pose")
    words = "stopped, the executor ran into an error: RuntimeError: no reason; call ~/resume"
    with closing(Sender()) as sender:
        sender.start()
        arm.wait_moving()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(getattr(node, owner), name, broken)
            graph.wait_for(lambda: words in arm.states[-1].stop_reason, words)
            commanded = len(arm.poses)
            graph.wait_for(lambda: len(arm.poses) > commanded + 20, "commands all the same")
            graph.wait_for(
                lambda: arm.poses[-1].pose == arm.poses[-10].pose, "the arm to come to rest"
            )
        arm.moved_until_s()
        assert arm.resume().success
        arm.wait_moving()


class SetClock:
    """The clock of a node, set to another time."""

    def __init__(self, clock: Any, by_ns: int) -> None:
        self._clock, self._by_ns = clock, by_ns

    def now(self) -> Time:
        return Time(nanoseconds=self._clock.now().nanoseconds + self._by_ns)


@pytest.mark.parametrize("by_ns", [-3_000_000_000, 3_000_000_000])
def test_an_arm_decelerates_when_the_clock_is_set(
    graph: Graph, robot: FakeRobot, node: ExecutorNode, by_ns: int
) -> None:
    arm = Arm(graph)
    robot.follow("/target_pose")
    words = "stopped, the clock jumped or the executor was frozen"
    with closing(Sender()) as sender, pytest.MonkeyPatch.context() as patch:
        sender.start()
        arm.wait_moving()
        clock, commanded = SetClock(node.get_clock(), by_ns), len(arm.poses)
        patch.setattr(node, "get_clock", lambda: clock)
        graph.wait_for(lambda: words in arm.states[-1].stop_reason, words)
        arm.wait_resting()
        arm.assert_decelerated(SIM_ACCELERATION_M_S2, commanded - 9)
