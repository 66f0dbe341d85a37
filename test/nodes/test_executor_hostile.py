"""Whatever is published, the nodes live, go on commanding, and say why they refuse it."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from arm import Arm, Sender
from builtin_interfaces.msg import Duration, Time
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from graph import NodeProcess
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState
from stage import Stage, staged
from std_msgs.msg import Header

from groot_ros.chunks.chunk import Chunk
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.signals.signals import arm_signals
from groot_ros_msgs.msg import ActionChunk, ChunkReport, ExecutorState
from groot_ros_msgs.srv import SetInstruction

TEN_MB = 10_000_000
STEP_NS = 1_000_000_000 // 15
MOST_EPOCHS = 2**32 - 1


@dataclass
class Bench:
    """An executor that follows a policy, and somebody who publishes what they like."""

    stage: Stage
    arm: Arm
    executor: NodeProcess
    policy: ActionChunk
    """One of its chunks."""

    def of_the_policy(self) -> ActionChunk:
        """A chunk such as the policy that is followed sends, with an id that tells it apart."""
        policy = self.policy
        now_ns = self.stage.graph.node.get_clock().now().nanoseconds
        poses = np.tile([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0], (16, 1))
        chunk = Chunk(
            now_ns, STEP_NS, policy.epoch, signals=arm_signals(ee_pose=poses, grip=np.zeros(16))
        )
        message = to_action_chunk(chunk, "fr3_link0", [])
        message.activation = policy.activation
        message.chunk_id = 10**6
        return message


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with staged() as stage, closing(Sender()) as sender:
        executor = stage.start("executor_node", rejected_in_row=1000, watchdog=60.0)
        arm = Arm(stage.graph)
        stage.robot.follow("/target_pose")
        stage.activate("/executor")
        chunks = stage.graph.collect(ActionChunk, "/policy/action_chunk", 100)
        sender.start()
        arm.wait_moving()
        stage.graph.wait_for(lambda: chunks, "a chunk of the policy")
        yield Bench(stage, arm, executor, chunks[0])


def values(index: int, start: int, *numbers: float) -> Callable[[ActionChunk], None]:
    """Puts numbers into a track."""

    def spoil(message: ActionChunk) -> None:
        track = message.tracks[index]
        track.values[start : start + len(numbers)] = type(track.values)("d", numbers)

    return spoil


def lasting(steps: int, seconds: int) -> Callable[[ActionChunk], None]:
    def spoil(message: ActionChunk) -> None:
        message.step_duration = Duration(sec=seconds)
        message.horizon = steps
        for track, size in zip(message.tracks, (7, 1), strict=True):
            track.values = track.values[: steps * size]

    return spoil


def giant(message: ActionChunk) -> None:
    message.horizon = TEN_MB // 8
    message.tracks[1].values = [0.0] * (TEN_MB // 8)


def ended(message: ActionChunk, epoch: int) -> None:
    message.horizon, message.tracks, message.epoch = 0, [], epoch


HOSTILE: list[tuple[Callable[[ActionChunk], Any], str]] = [
    (lasting(2, 2_000_000_000), "its step_duration is 2e+09 s, expected 0.001 to 10"),
    (lasting(16, 1000), "its step_duration is 1000 s, expected 0.001 to 10"),
    (lasting(16, 2), "it lasts 30.0 s, at most 10 s are allowed (parameter longest_chunk)"),
    (lasting(16, -5), "its step_duration is -5 s, expected"),
    (lambda m: setattr(m, "horizon", MOST_EPOCHS), "its horizon is 4294967295 steps, expected"),
    (lambda m: setattr(m, "epoch", MOST_EPOCHS), "epoch 4294967295 is far ahead, now it is 1"),
    (lambda m: ended(m, MOST_EPOCHS), "epoch 4294967295 is far ahead, now it is 1"),
    (lambda m: setattr(m.header, "stamp", Time(sec=2**31 - 1)), "in the future: check that the"),
    (lambda m: setattr(m.header, "stamp", Time(sec=-(2**31))), "all 16 steps have passed"),
    (values(0, 9, float("nan")), "ee_pose holds NaN or infinity"),
    (values(0, 9, float("inf")), "ee_pose holds NaN or infinity"),
    (values(0, 9, 1e300), "ee_pose holds 1e+300"),
    (values(0, 10, 0.0, 0.0, 0.0, 0.0), "step 1 has a quaternion of length 0, expected 1"),
    (values(0, 7, 0.9), "step 1 has x = 0.900 m, allowed 0.2 to 0.8"),
    (values(1, 0, 1e6), "step 0 has grip = 1e+06, allowed 0 to 1"),
    (lambda m: setattr(m.tracks[0], "values", [0.0] * 5), "ee_pose has 5 numbers, expected 16 st"),
    (giant, "its horizon is 1250000 steps, expected 1 to 1000"),
    (lambda m: setattr(m, "instruction", "x" * TEN_MB), "its instruction has 10000000 characters"),
    (lambda m: setattr(m.tracks[0], "name", "x" * TEN_MB), "has more than 128 characters"),
    (lambda m: setattr(m, "header", Header(frame_id="x" * TEN_MB)), "its frame_id has 10000000"),
    (lambda m: setattr(m, "activation", np.full(16, 9, np.uint8)), "is not the one that is follo"),
    (lambda m: setattr(m, "activation", np.zeros(16, np.uint8)), "it names no activation"),
]


def test_no_chunk_ends_stops_or_blocks_the_executor(bench: Bench) -> None:
    graph, arm = bench.stage.graph, bench.arm
    publisher = graph.node.create_publisher(ActionChunk, "/policy/action_chunk", 10)
    graph.wait_for(lambda: publisher.get_subscription_count() >= 2, "the executor")
    for spoil, reason in HOSTILE:
        message, reported = bench.of_the_policy(), len(arm.reports)
        spoil(message)
        publisher.publish(message)
        graph.wait_for(
            lambda reason=reason, since=reported: any(
                reason in report.rejected for report in arm.reports[since:]
            ),
            reason,
        )
    # Commands go on without a pause, and along the policy's path.
    arm.wait_moving()
    assert not arm.states[-1].stop_reason
    assert bytes(arm.states[-1].activation) == bytes(bench.policy.activation)
    moved = len(arm.poses)
    graph.wait_for(lambda: len(arm.poses) > moved + 100, "commands")
    arm.moved_until_s()
    assert bench.arm.resume().success
    graph.remove(graph.node.destroy_publisher, publisher)


def test_bytes_that_are_no_message_do_not_end_the_executor(bench: Bench) -> None:
    """Such as those of another version of the type, which the middleware connects all the same."""
    graph, arm = bench.stage.graph, bench.arm
    publisher = graph.node.create_publisher(ActionChunk, "/policy/action_chunk", 10)
    graph.wait_for(lambda: publisher.get_subscription_count() >= 2, "the executor")
    whole = serialize_message(bench.of_the_policy())
    lengths = [len(whole) // 2, 40, 12]
    for broken in [whole[:length] for length in lengths] + [
        whole[:20] + struct.pack("<I", 2**31) + whole[24:],
        whole[:8] + b"\xff" * (len(whole) - 8),
    ]:
        publisher.publish(broken)
    arm.wait_moving()
    reported = len(arm.reports)
    message = bench.of_the_policy()
    message.epoch = MOST_EPOCHS
    publisher.publish(message)
    graph.wait_for(lambda: any("far ahead" in r.rejected for r in arm.reports[reported:]), "life")
    assert not bench.executor.said("Traceback") or bench.executor.said("goes on after")
    graph.remove(graph.node.destroy_publisher, publisher)


def test_small_excess_is_projected_and_counted(bench: Bench) -> None:
    graph, arm = bench.stage.graph, bench.arm
    publisher = graph.node.create_publisher(ActionChunk, "/policy/action_chunk", 10)
    graph.wait_for(lambda: publisher.get_subscription_count() >= 2, "the executor")
    message = bench.of_the_policy()
    message.chunk_id = 10**7
    values(1, 0, 1.003, -0.1)(message)
    publisher.publish(message)
    report = graph.wait_for(
        lambda: next((r for r in arm.reports if r.chunk_id == 10**7), None), "its report"
    )
    assert not report.rejected and report.projected_steps == 2
    graph.remove(graph.node.destroy_publisher, publisher)


def test_states_of_the_robot_may_be_anything(bench: Bench) -> None:
    """Lists of any length, NaN, zero quaternions: the arm stops with a reason and goes on."""
    graph, arm, robot = bench.stage.graph, bench.arm, bench.stage.robot
    poses = graph.node.create_publisher(PoseStamped, "/ee_pose", 10)
    joints = graph.node.create_publisher(JointState, "/joint_states", 10)
    graph.wait_for(lambda: poses.get_subscription_count(), "the executor")
    joints.publish(JointState(name=["x" * TEN_MB], position=[1.0] * 100_000))
    robot.silent.add("ee_pose")

    def publish(x: float, w: float, frame: str = "fr3_link0") -> None:
        message = PoseStamped(header=Header(frame_id=frame))
        message.header.stamp = graph.node.get_clock().now().to_msg()
        message.pose.position.x, message.pose.orientation.w = x, w
        poses.publish(message)

    for x, w, words in (
        (float("nan"), 1.0, "ee_pose holds NaN or infinity: check its publisher"),
        (0.5, 0.0, "has a quaternion of length 0, expected 1: check its publisher"),
    ):
        timer = graph.node.create_timer(0.02, lambda x=x, w=w: publish(x, w))
        arm.wait_stopped(words)
        graph.remove(graph.node.destroy_timer, timer)
        robot.silent.clear()
        arm.graph.wait_for(lambda: arm.states[-1].activity == "executing", "the arm to go on")
        robot.silent.add("ee_pose")
    publish(0.5, 1.0, "x" * TEN_MB)
    robot.mend()
    arm.wait_moving()
    for publisher in (poses, joints):
        graph.remove(graph.node.destroy_publisher, publisher)


def test_a_second_node_that_commands_the_robot_is_told(bench: Bench) -> None:
    diagnostics = bench.stage.graph.collect(DiagnosticArray, "/diagnostics")
    rival = bench.stage.graph.node.create_publisher(PoseStamped, "/target_pose", 1)
    words = "1 more publish /target_pose, where this node commands the robot: stop them"
    bench.stage.graph.wait_for(
        lambda: any(words in status.message for d in diagnostics for status in d.status), words
    )
    bench.stage.graph.wait_for(lambda: bench.executor.said(words), "the warning")
    bench.stage.graph.remove(bench.stage.graph.node.destroy_publisher, rival)


def test_a_policy_node_lives_with_any_state_picture_and_instruction() -> None:
    with staged() as stage:
        policy = stage.start(
            "path_policy_node", latency=0.02, jitter=0.0, strategy="rtc", replan_steps=1
        )
        graph = stage.graph
        reports = graph.collect(ChunkReport, "/policy/chunk_report")
        diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
        stage.activate("/policy")
        first = graph.wait_for(lambda: reports and reports[-1], "a chunk")
        states = graph.node.create_publisher(ExecutorState, "/executor/state", 10)
        pictures = graph.node.create_publisher(Image, "/wrist/image_raw", 10)
        graph.wait_for(
            lambda: states.get_subscription_count() and pictures.get_subscription_count(), "it"
        )
        nan, inf = float("nan"), float("inf")
        for step, rate, delay in (
            (nan, 1.0, 0.0),
            (1.0, inf, 0.0),
            (1.0, 1.0, inf),
            (-1e300, 1, 1),
        ):
            states.publish(
                ExecutorState(
                    header=Header(stamp=graph.node.get_clock().now().to_msg()),
                    activation=first.activation,
                    chunk_id=reports[-1].chunk_id,
                    step=step,
                    time_scale=float(rate),
                    delay=float(delay),
                    activity="x" * TEN_MB,
                )
            )
        stage.robot.silent.add("wrist")
        sizes = itertools.cycle([(0, 48, 0), (2**32 - 1,) * 3, (64, 0, 192)])

        def publish() -> None:
            width, height, step = next(sizes)
            header = Header(stamp=graph.node.get_clock().now().to_msg())
            pictures.publish(
                Image(header=header, width=width, height=height, step=step, encoding="rgb8")
            )

        timer = graph.node.create_timer(0.03, publish)
        graph.wait_for(
            lambda: any("camera driver" in s.message for d in diagnostics for s in d.status),
            "the reason",
        )
        graph.remove(graph.node.destroy_timer, timer)
        stage.robot.mend()
        for text, answer in (("x" * TEN_MB, "at most 4096"), ("", "is empty"), ("go", "now: go")):
            request = SetInstruction.Request(instruction=text)
            said = graph.call(SetInstruction, "/policy/set_instruction", request)
            assert answer in said.message and said.success == (text == "go")
        made = len(reports)
        graph.wait_for(lambda: len(reports) > made + 3, "chunks all the same")
        assert not policy.said("inference stopped")
