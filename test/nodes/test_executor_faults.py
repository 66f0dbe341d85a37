"""The executor alone keeps the robot safe: what the arm does when something else fails."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from graph import FakeRobot, Graph, NodeProcess
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from groot_ros_msgs.msg import ChunkReport, ExecutorState

WATCHDOG_S = 0.5
# Speed of the sender's circle 0.1 m/s, deceleration of the robot file 4 m/s^2, peak 1.5 times.
STOP_S = 0.1 / 4.0 * 1.5
PERIOD_S = 0.01


class Sender:
    """The policy's process."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, rate_hz: float = 6.0) -> subprocess.Popen[bytes]:
        script = str(Path(__file__).with_name("chunk_sender.py"))
        process = subprocess.Popen([sys.executable, script, str(rate_hz)])
        self._processes.append(process)
        return process

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.close()


class Arm:
    """What the executor commands and says."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.poses = graph.collect(PoseStamped, "/target_pose", 1000)
        self.states = graph.collect(ExecutorState, "/executor/state")
        self.reports = graph.collect(ChunkReport, "/executor/chunk_report")

    def wait_moving(self) -> None:
        newest = len(self.poses)
        self.graph.wait_for(
            lambda: len(self.poses) > newest + 30 and self.states[-1].activity == "executing",
            "the arm to move",
        )

    def wait_stopped(self, words: str) -> ExecutorState:
        """The state once the arm rests for this reason."""

        def stopped() -> ExecutorState | None:
            state = self.states[-1]
            return (
                state
                if state.activity in ("holding", "idle") and words in (state.stop_reason)
                else None
            )

        return self.graph.wait_for(stopped, words)

    def moved_until_s(self) -> float:
        """Time of the last command that was not at rest; the commands obey the limits."""
        stamps = np.array([p.header.stamp.sec + p.header.stamp.nanosec / 1e9 for p in self.poses])
        places = np.array([[p.pose.position.x, p.pose.position.y] for p in self.poses])
        ways = np.linalg.norm(np.diff(places, axis=0), axis=1)
        assert ways.max() < 0.5 * np.diff(stamps).max() + 1e-6
        moving = np.flatnonzero(ways > 1e-7)
        return float(stamps[moving[-1] + 1])

    def now_s(self) -> float:
        return self.graph.node.get_clock().now().nanoseconds / 1e9

    def resume(self) -> Trigger.Response:
        return self.graph.call(Trigger, "/executor/resume", Trigger.Request())


@pytest.fixture
def arm(graph: Graph, robot: FakeRobot, start: Callable[..., NodeProcess], sender: Sender) -> Arm:
    start("executor_node", watchdog=WATCHDOG_S)
    arm = Arm(graph)
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    return arm


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_policy_that_is_killed_or_frozen(arm: Arm, sender: Sender, how: signal.Signals) -> None:
    policy = sender.start()
    arm.wait_moving()
    policy.send_signal(how)
    gone_s = arm.now_s()
    arm.wait_stopped("no new chunk came in time")
    assert arm.moved_until_s() - gone_s <= 2 * WATCHDOG_S + STOP_S + 5 * PERIOD_S
    arm.wait_stopped("nothing was heard from the policy; call ~/resume to go on")
    if how is signal.SIGSTOP:
        held = len(arm.poses)
        policy.send_signal(signal.SIGCONT)
        arm.graph.wait_for(lambda: any("call ~/resume" in r.rejected for r in arm.reports), "it")
        assert len(arm.poses) == held
    else:
        sender.start()
    assert arm.resume().success
    arm.wait_moving()


def test_a_policy_that_floods(arm: Arm, sender: Sender) -> None:
    sender.start()
    arm.wait_moving()
    sender.start(rate_hz=1000.0)
    flooded_s = arm.now_s()
    state = arm.wait_stopped("chunks came faster than any policy makes them")
    assert state.needs_resume
    # The flood begins when its process has been found.
    assert arm.moved_until_s() - flooded_s <= 10.0


def test_emergency_stop_and_fault_stop_at_once_and_the_first_reason_stays(
    arm: Arm, sender: Sender
) -> None:
    node = arm.graph.node
    estop, fault = (
        node.create_publisher(Bool, topic, 1) for topic in ("/emergency_stop", "/robot_fault")
    )
    sender.start()
    arm.wait_moving()
    arm.graph.wait_for(
        lambda: estop.get_subscription_count() and fault.get_subscription_count(), "topics"
    )
    estop.publish(Bool(data=True))
    pressed_s = arm.now_s()
    fault.publish(Bool(data=True))
    arm.wait_stopped("the emergency stop was pressed")
    assert arm.moved_until_s() - pressed_s <= 2 * WATCHDOG_S + STOP_S
    refused = arm.resume()
    assert not refused.success and "the emergency stop was pressed" in refused.message
    estop.publish(Bool(data=False))
    fault.publish(Bool(data=False))
    arm.graph.wait_for(lambda: arm.resume().success, "the topics to be heard")
    arm.wait_moving()


def test_a_robot_that_goes_silent(arm: Arm, sender: Sender, robot: FakeRobot) -> None:
    sender.start()
    arm.wait_moving()
    robot.silent.add("ee_pose")
    silent_s = arm.now_s()
    arm.wait_stopped("the robot's state is too old: ee_pose")
    assert arm.moved_until_s() - silent_s <= 0.2 + STOP_S + 2 * WATCHDOG_S
    robot.silent.clear()
    arm.wait_moving()


def test_a_robot_in_another_frame_does_not_move(
    graph: Graph, robot: FakeRobot, start: Callable[..., NodeProcess], sender: Sender
) -> None:
    robot.frame = "world"
    start("executor_node")
    arm = Arm(graph)
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    sender.start()
    words = "messages are in frame 'world'"
    graph.wait_for(lambda: any(words in r.rejected for r in arm.reports), words)
    assert not arm.poses


def test_speed_and_nonsense_as_parameters_while_moving(arm: Arm, sender: Sender) -> None:
    sender.start()
    arm.wait_moving()
    assert arm.graph.set_parameter("/executor", "speed_scale", 0.5).successful
    arm.graph.wait_for(lambda: arm.states[-1].time_scale == 0.5, "half of the speed")
    refused = arm.graph.set_parameter("/executor", "speed_scale", 7.0)
    assert refused.reason == "parameter speed_scale is 7.0, expected 0.1 to 1 "
    assert "fixed while the node is configured" in (
        arm.graph.set_parameter("/executor", "watchdog", 3.0).reason
    )
    arm.wait_moving()
    arm.moved_until_s()


def test_a_frozen_executor_goes_on_from_where_it_was(
    graph: Graph, robot: FakeRobot, start: Callable[..., NodeProcess], sender: Sender
) -> None:
    executor = start("executor_node")
    arm = Arm(graph)
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    sender.start()
    arm.wait_moving()
    subprocess.run(["kill", "-STOP", str(executor.pid)], check=True)
    frozen = len(arm.poses)
    robot_states = graph.collect(PoseStamped, "/ee_pose")
    graph.wait_for(lambda: len(robot_states) > 40, "the time of 40 states to pass")
    subprocess.run(["kill", "-CONT", str(executor.pid)], check=True)
    graph.wait_for(lambda: len(arm.poses) > frozen + 20, "commands")
    places = np.array([[p.pose.position.x, p.pose.position.y] for p in arm.poses])
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() < 0.5 * 3 * PERIOD_S


def test_in_a_dry_run_the_disagreement_with_the_robot_is_reported(
    graph: Graph, robot: FakeRobot, start: Callable[..., NodeProcess], sender: Sender
) -> None:
    """The fake robot rests at x = 0.5, the middle of the circle that the policy wants."""
    start("executor_node", dry_run="true")
    arm = Arm(graph)
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    sender.start()
    reports = graph.wait_for(
        lambda: [r for r in arm.reports if r.disagreement_position > 0], "a comparison"
    )
    assert reports[0].disagreement_position == pytest.approx(0.05, abs=0.002)
    assert arm.states[-1].dry_run and not arm.poses
