"""An operator takes over from a policy over DDS, by a service and by a button."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from arm import Arm, Sender
from geometry_msgs.msg import TwistStamped
from graph import FakeRobot, Graph, NodeProcess
from sensor_msgs.msg import Joy
from std_srvs.srv import Trigger

from groot_ros.nodes.messages import to_time
from groot_ros_msgs.msg import ExecutorState


class Hand:
    """A device that moves the hand until it is let go of."""

    def __init__(self, graph: Graph) -> None:
        self.velocity: tuple[float, float, float] | None = None
        self._node = graph.node
        self._twists = graph.node.create_publisher(TwistStamped, "operator/twist", 1)
        graph.node.create_timer(0.03, self._send)

    def _send(self) -> None:
        if self.velocity is None:
            return
        message = TwistStamped()
        message.header.frame_id = "fr3_link0"
        message.header.stamp = to_time(self._node.get_clock().now().nanoseconds)
        linear = message.twist.linear
        linear.x, linear.y, linear.z = self.velocity
        self._twists.publish(message)


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


def test_the_operator_takes_over_and_hands_back(
    graph: Graph, robot: FakeRobot, start: type[NodeProcess], sender: Sender
) -> None:
    arm, hand = Arm(graph), Hand(graph)
    robot.follow("/target_pose")
    start("executor_node", robot="sim", watchdog=20.0)
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    sender.start()
    arm.set_moving()
    assert arm.states[-1].control == "policy"

    def wait_control(control: str, what: str = "") -> ExecutorState:
        found: ExecutorState = graph.wait_for(
            lambda: (
                arm.states[-1]
                if arm.states[-1].control == control and what in arm.states[-1].operator_hint
                else None
            ),
            f"control {control} {what}",
        )
        return found

    answer = graph.call(Trigger, "/executor/take_over", Trigger.Request())
    assert answer.success and "handover" in answer.message
    wait_control("handover", "nothing is heard on operator/twist")
    arm.wait_resting()
    held = robot.pose[2]
    hand.velocity = (0.0, 0.0, 0.05)
    state = wait_control("operator")
    assert state.chunk_id == 0 and not state.needs_resume
    graph.wait_for(lambda: robot.pose[2] > held + 0.05, "the arm to rise")
    hand.velocity = None
    wait_control("handover", "nothing is heard")
    arm.wait_resting()
    rose_to = robot.pose[2]
    button = graph.node.create_publisher(Joy, "joy", 10)
    pressed = threading.Event()
    graph.node.create_timer(
        0.1, lambda: button.publish(Joy(buttons=[int(pressed.is_set() and not done.is_set())]))
    )
    done = threading.Event()
    wait_control("handover")
    graph.wait_for(lambda: button.get_subscription_count() > 0, "who listens to the button")
    graph.wait_for(lambda: len(arm.states) > 0, "states")
    newest = len(arm.states)
    graph.wait_for(lambda: len(arm.states) > newest + 20, "the button to be seen as not pressed")
    pressed.set()
    wait_control("policy")
    done.set()
    # The circle of the policy is lower: it goes there, and refused chunks were no faults.
    graph.wait_for(lambda: robot.pose[2] < rose_to - 0.03, "the policy to go on")
    assert not arm.states[-1].needs_resume
    assert not [r for r in arm.reports if "operator" in r.rejected]
    assert graph.call(Trigger, "/executor/go_home", Trigger.Request()).success
    wait_control("home")
    wait_control("policy")
    graph.wait_for(lambda: "the arm is home" in arm.states[-1].stop_reason, "the way home")
    assert np.abs(np.subtract(robot.pose[:3], [0.45, 0.0, 0.35])).max() < 0.02
    arm.moved_until_s()
    assert np.isfinite(robot.pose).all()
