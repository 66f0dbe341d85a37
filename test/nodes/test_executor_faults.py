"""The executor alone keeps the robot safe: what the arm does when something else fails.

How soon it rests is held by `test_executor_stepped.py`, on a clock that the test steps.
Each test leaves a row of the table in docs/runtime.md in its output.
"""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from arm import Arm, Sender
from diagnostic_msgs.msg import DiagnosticArray
from domain_coordinator import domain_id
from geometry_msgs.msg import PoseStamped
from graph import FakeRobot, Graph, NodeProcess, Relay
from stage import staged
from std_msgs.msg import Bool

from groot_ros_msgs.msg import ActionChunk

WATCHDOG_S = 0.5
PERIOD_S = 0.01


@dataclass
class Bench:
    """An executor that all tests share, and the processes that send to it."""

    arm: Arm
    robot: FakeRobot
    executor: NodeProcess
    sender: Sender
    chunks: list[ActionChunk]
    epoch: int = 1


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with staged() as stage, closing(Sender()) as sender:
        executor = stage.start("executor_node", watchdog=WATCHDOG_S)
        arm = Arm(stage.graph)
        # After a stop the motion goes on where the robot is, which is where it was commanded to.
        stage.robot.follow("/target_pose")
        stage.activate("/executor")
        chunks = stage.graph.collect(ActionChunk, "/policy/action_chunk", 100)
        yield Bench(arm, stage.robot, executor, sender, chunks)


@pytest.fixture
def arm(bench: Bench) -> Arm:
    """An arm that moves, by one sender."""
    bench.robot.mend()
    for process in bench.sender.running[1:]:
        process.kill()
        process.wait()
    if not bench.sender.running:
        bench.sender.start(epoch=bench.epoch)
    heard = len(bench.chunks)
    bench.arm.graph.wait_for(lambda: len(bench.chunks) > heard, "chunks")
    bench.arm.set_moving()
    return bench.arm


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_policy_that_is_killed_or_frozen(arm: Arm, bench: Bench, how: signal.Signals) -> None:
    policy = bench.sender.running[0]
    policy.send_signal(how)
    gone_s, reported = arm.now_s(), len(arm.reports)
    arm.wait_stopped("no new chunk came in time")
    words = "nothing was heard from the policy; call ~/resume to go on"
    gone = arm.wait_stopped(words)
    arm.tell(f"policy gets {how.name}", gone_s, words)
    if how is signal.SIGSTOP:
        policy.send_signal(signal.SIGCONT)
        arm.graph.wait_for(
            lambda: any("call ~/resume" in r.rejected for r in arm.reports[reported:]), "refusals"
        )
        assert not arm.commanded_after(gone)
    else:
        heard = len(bench.chunks)
        bench.sender.start(epoch=bench.epoch)
        arm.graph.wait_for(lambda: len(bench.chunks) > heard, "chunks of the next policy")
    assert arm.resume().success
    arm.set_moving()


def test_a_partition_between_policy_and_executor(arm: Arm, bench: Bench) -> None:
    """The policy lives in another domain, and what relays its chunks stops relaying."""
    bench.sender.close()
    with (
        domain_id(partial(random.randint, 101, 150)) as domain,
        closing(Graph(domain)) as there,
        closing(Sender()) as sender,
        closing(Relay(there, arm.graph, ActionChunk, "/policy/action_chunk")) as relay,
    ):
        sender.start(6.0, bench.epoch, domain)
        arm.graph.wait_for(lambda: relay.passed, "chunks from the other domain")
        assert arm.resume().success
        arm.set_moving()
        relay.cut = True
        cut_s, reported = arm.now_s(), len(arm.reports)
        words = "nothing was heard from the policy; call ~/resume to go on"
        gone = arm.wait_stopped(words)
        arm.tell("partition", cut_s, words)
        relay.cut = False
        arm.graph.wait_for(
            lambda: any("call ~/resume" in r.rejected for r in arm.reports[reported:]), "refusals"
        )
        assert not arm.commanded_after(gone)
        assert arm.resume().success
        arm.set_moving()


def test_a_policy_that_floods(arm: Arm, bench: Bench) -> None:
    bench.sender.close()
    arm.wait_resting()
    bench.epoch += 1
    bench.sender.start(rate_hz=1000.0, epoch=bench.epoch)
    arm.graph.wait_for(
        lambda: [r for r in arm.reports if r.epoch == bench.epoch], "what became of its chunks"
    )
    flooded_s = arm.now_s()
    assert arm.resume().success
    state = arm.wait_stopped("chunks came faster than any policy makes them")
    assert state.needs_resume
    arm.tell("1000 chunks per second", flooded_s, state.stop_reason)
    bench.sender.close()


def test_two_policies_at_once(arm: Arm, bench: Bench) -> None:
    """The first one is followed, the other one is refused by name until the first is gone."""
    diagnostics = arm.graph.collect(DiagnosticArray, "/diagnostics")
    first, reported = bytes(arm.states[-1].activation), len(arm.reports)
    began_s = arm.now_s()
    bench.sender.start(epoch=bench.epoch + 1)
    words = "nodes publish chunks: stop all policies but one"
    arm.graph.wait_for(
        lambda: any(words in status.message for d in diagnostics for status in d.status), words
    )
    refusal = f"is not the one that is followed, {first.hex()[:8]}: stop all policies but one"
    arm.graph.wait_for(lambda: any(refusal in r.rejected for r in arm.reports[reported:]), refusal)
    arm.wait_moving()
    executed = {bytes(r.activation) for r in arm.reports[reported:] if not r.rejected}
    assert executed == {first} and bytes(arm.states[-1].activation) == first
    assert arm.moved_until_s() > began_s
    arm.tell_unharmed("two policies at once", words)
    older = bench.sender.running[0]
    older.kill()
    older.wait()
    gone = arm.wait_stopped("nothing was heard from the policy; call ~/resume to go on")
    assert gone.needs_resume and arm.resume().success
    arm.set_moving()
    assert bytes(arm.states[-1].activation) not in (first, bytes(16))


def test_emergency_stop_and_fault_stop_at_once_and_the_first_reason_stays(arm: Arm) -> None:
    node = arm.graph.node
    estop, fault = (
        node.create_publisher(Bool, topic, 1) for topic in ("/emergency_stop", "/robot_fault")
    )
    arm.graph.wait_for(
        lambda: estop.get_subscription_count() and fault.get_subscription_count(), "topics"
    )
    estop.publish(Bool(data=True))
    pressed_s = arm.now_s()
    # There is no order between two topics.
    arm.graph.wait_for(lambda: arm.states[-1].needs_resume, "the emergency stop")
    fault.publish(Bool(data=True))
    state = arm.wait_stopped("the emergency stop was pressed")
    arm.tell("emergency stop, then fault", pressed_s, state.stop_reason)
    refused = arm.resume()
    assert not refused.success and "the emergency stop was pressed" in refused.message
    estop.publish(Bool(data=False))
    fault.publish(Bool(data=False))
    arm.graph.wait_for(lambda: arm.resume().success, "the topics to be heard")
    arm.set_moving()


def silence(robot: FakeRobot) -> None:
    robot.silent.add("ee_pose")


def rename(robot: FakeRobot) -> None:
    robot.frame = "world"


def be_ahead(robot: FakeRobot) -> None:
    robot.stamps["ee_pose"] = lambda now_ns: now_ns + 5_000_000_000


def be_behind(robot: FakeRobot) -> None:
    robot.stamps["ee_pose"] = lambda now_ns: now_ns - 5_000_000_000


def be_unstamped(robot: FakeRobot) -> None:
    robot.stamps["ee_pose"] = lambda now_ns: 0


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (silence, " s old, at most 0.2 s allowed (max_age)"),
        (rename, "messages are in frame 'world', the robot file's base_frame is 'fr3_link0'"),
        (be_ahead, "in the future: check that the clocks agree"),
        (be_behind, "at most 0.2 s allowed (max_age)"),
        (be_unstamped, "messages carry no time (header.stamp is 0)"),
    ],
)
def test_a_robot_whose_pose_cannot_be_used(arm: Arm, bench: Bench, spoil, words: str) -> None:
    spoil(bench.robot)
    spoilt_s = arm.now_s()
    state = arm.wait_stopped("the robot's state is too old: ee_pose: ")
    arm.tell(f"pose: {spoil.__name__}", spoilt_s, state.stop_reason)
    assert words in state.stop_reason
    bench.robot.mend()
    arm.set_moving()


def test_speed_and_nonsense_as_parameters_while_moving(arm: Arm) -> None:
    assert arm.graph.set_parameter("/executor", "speed_scale", 0.5).successful
    arm.graph.wait_for(lambda: arm.states[-1].time_scale == 0.5, "half of the speed")
    refused = arm.graph.set_parameter("/executor", "speed_scale", 7.0)
    assert refused.reason == "parameter speed_scale is 7.0, expected 0.1 to 1 "
    assert "fixed while the node is configured" in (
        arm.graph.set_parameter("/executor", "watchdog", 3.0).reason
    )
    arm.set_moving()
    assert arm.graph.set_parameter("/executor", "speed_scale", 1.0).successful


def test_a_frozen_executor_goes_on_from_where_it_was(arm: Arm, bench: Bench) -> None:
    subprocess.run(["kill", "-STOP", str(bench.executor.pid)], check=True)
    frozen = len(arm.poses)
    robot_states = arm.graph.collect(PoseStamped, "/ee_pose")
    arm.graph.wait_for(lambda: len(robot_states) > 40, "the time of 40 states to pass")
    subprocess.run(["kill", "-CONT", str(bench.executor.pid)], check=True)
    arm.graph.wait_for(lambda: len(arm.poses) > frozen + 20, "commands")
    places = np.array([[p.pose.position.x, p.pose.position.y] for p in arm.poses[frozen - 20 :]])
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).max() < 0.5 * 3 * PERIOD_S


def test_in_a_dry_run_the_disagreement_with_the_robot_is_reported() -> None:
    """The fake robot rests at x = 0.5, the middle of the circle that the policy wants."""
    with staged() as stage, closing(Sender()) as sender:
        stage.start("executor_node", dry_run="true")
        arm = Arm(stage.graph)
        stage.activate("/executor")
        sender.start()
        reports = arm.graph.wait_for(
            lambda: [r for r in arm.reports if r.disagreement_position > 0], "a comparison"
        )
        assert reports[0].disagreement_position == pytest.approx(0.05, abs=0.002)
        assert arm.states[-1].dry_run and not arm.poses
