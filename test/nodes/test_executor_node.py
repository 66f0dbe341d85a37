"""The executor node on real topics, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseStamped
from graph import FakeRobot, Graph, NodeProcess
from rclpy.publisher import Publisher
from std_msgs.msg import Float64
from std_srvs.srv import Trigger

from groot_ros.chunks.chunk import Chunk
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.observation.fields import to_ns
from groot_ros.signals.signals import arm_signals
from groot_ros_msgs.msg import ActionChunk, ChunkReport, ExecutorState

STEP_NS = 1_000_000_000 // 15
PERIOD_NS = 10_000_000
DOWN = (0.0, 1.0, 0.0, 0.0)


UNUSABLE: list[tuple[Callable[[ActionChunk], Any], str]] = [
    (lambda m: setattr(m.tracks[0], "frame", "world"), "frame 'world', expected 'fr3_link0'"),
    (lambda m: setattr(m, "horizon", 5), "track ee_pose has 112 numbers, expected 5 steps of 7"),
    (lambda m: m.tracks.pop(0), "it has no track of kind pose or joints"),
    (lambda m: setattr(m, "step_duration", Duration()), "its step_duration is 0 s, expected"),
    (lambda m: m.tracks[0].values.__setitem__(21, float("nan")), "ee_pose holds NaN"),
    (lambda m: m.tracks[0].values.__setitem__(23, 1e6), "ee_pose holds 1e+06, at most 1000 is"),
    (lambda m: m.tracks[0].values.__setitem__(23, 0.9), "step 3 has z = 0.900 m, allowed 0 to 0."),
    (lambda m: m.tracks[1].values.__setitem__(2, 1e6), "step 2 has grip = 1e+06, allowed 0 to 1"),
    (lambda m: setattr(m, "activation", np.zeros(16, np.uint8)), "it names no activation"),
]


@pytest.fixture
def executor(graph: Graph, robot: FakeRobot, start: Callable[..., NodeProcess]) -> NodeProcess:
    return start("executor_node", watchdog=1.2)


@pytest.fixture
def chunks(graph: Graph) -> Publisher:
    return graph.node.create_publisher(ActionChunk, "/policy/action_chunk", 1)


def activate(graph: Graph, chunks: Publisher) -> None:
    """Bring the executor up and wait until it hears us and the robot."""
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    graph.wait_for(lambda: chunks.get_subscription_count() > 0, "the executor's subscription")
    graph.wait_for(
        lambda: graph.node.count_subscribers("/ee_pose") > 0, "the executor's view of the robot"
    )


def forward(graph: Graph, chunk_id: int, start_x: float = 0.5, epoch: int = 1) -> ActionChunk:
    """A chunk that moves 0.1 m/s along x from now on and closes the gripper at its end."""
    x = start_x + 0.1 * STEP_NS / 1e9 * np.arange(16)
    quats = np.tile(DOWN, (16, 1))
    poses = np.column_stack([x, np.zeros(16), np.full(16, 0.3), quats])
    now_ns = graph.node.get_clock().now().nanoseconds
    chunk = Chunk(
        now_ns,
        STEP_NS,
        epoch,
        signals=arm_signals(ee_pose=poses, grip=(np.arange(16) > 7).astype(float)),
    )
    message = to_action_chunk(chunk, "fr3_link0", [])
    message.chunk_id = chunk_id
    message.activation = np.full(16, 7, np.uint8)
    return message


def publish_until(graph: Graph, send: Callable[[], None], done: Callable[[], bool]) -> None:
    """Publish again until it has had its effect: discovery may lose the first messages."""
    for _ in range(20):
        send()
        try:
            graph.wait_for(done, "an effect", timeout_s=3.0)
            return
        except AssertionError:
            continue
    raise AssertionError("published 20 times without effect")


def test_chunk_becomes_commands_is_held_and_then_ends(graph, executor, chunks) -> None:
    poses = graph.collect(PoseStamped, "/target_pose")
    grips = graph.collect(Float64, "/gripper/command")
    reports = graph.collect(ChunkReport, "/executor/chunk_report")
    activate(graph, chunks)
    sent = iter(range(1, 100))
    publish_until(graph, lambda: chunks.publish(forward(graph, next(sent))), lambda: bool(poses))
    end = graph.wait_for(
        lambda: [r for r in reports if r.starved_steps > 0 and not r.rejected], "the report"
    )[-1]
    assert end.source == ChunkReport.EXECUTOR and end.horizon == 16
    assert end.executed_steps + end.dropped_steps <= 16
    assert end.executed_steps > 0 and end.time_scale == 1.0
    x = np.array([p.pose.position.x for p in poses])
    assert np.all(np.diff(x) >= -1e-9) and 0.599 < x[-1] < 0.603
    assert np.diff(x).max() < 0.5 * 0.2
    assert poses[0].header.frame_id == "fr3_link0"
    assert {g.data for g in grips} == {0.0, 1.0}
    states = graph.collect(ExecutorState, "/executor/state")
    rests = graph.wait_for(
        lambda: next((s for s in states if s.needs_resume and s.activity == "idle"), None),
        "the end",
    )

    def commanded() -> list[PoseStamped]:
        """Since it rests; commands of before may still be on their way."""
        rests_ns = to_ns(rests.header.stamp) + PERIOD_NS
        return [pose for pose in poses if to_ns(pose.header.stamp) > rests_ns]

    publish_until(
        graph,
        lambda: chunks.publish(forward(graph, next(sent))),
        lambda: any(
            "nothing was heard from the policy; call ~/resume" in r.rejected for r in reports
        ),
    )
    assert not commanded()
    assert graph.call(Trigger, "/executor/resume", Trigger.Request()).success
    publish_until(graph, lambda: chunks.publish(forward(graph, next(sent))), lambda: commanded())


def test_deactivation_ends_the_commands_and_a_new_activation_needs_a_new_chunk(
    graph, executor, chunks
) -> None:
    poses = graph.collect(PoseStamped, "/target_pose")
    activate(graph, chunks)
    sent = iter(range(1, 100))
    publish_until(graph, lambda: chunks.publish(forward(graph, next(sent))), lambda: bool(poses))
    assert graph.transition("/executor", "deactivate")
    x = np.array([p.pose.position.x for p in poses])
    assert np.abs(np.diff(x, n=2)).max() < 4.0 * 1.2 * 0.03**2, "it decelerated"
    stopped_ns = graph.node.get_clock().now().nanoseconds
    assert graph.transition("/executor", "activate")
    assert graph.state("/executor") == "active"
    assert not [pose for pose in poses if to_ns(pose.header.stamp) > stopped_ns]
    assert graph.transition("/executor", "deactivate") and graph.transition("/executor", "cleanup")
    assert not graph.transition("/executor", "activate")
    assert graph.transition("/executor", "configure")
    assert executor.interrupt() == 0, executor.output


def test_unusable_chunks_are_refused_with_the_reason(graph, robot, start, chunks) -> None:
    start("executor_node", rejected_in_row=1000)
    poses = graph.collect(PoseStamped, "/target_pose")
    reports = graph.collect(ChunkReport, "/executor/chunk_report")
    activate(graph, chunks)

    def unusable(change: Callable[[ActionChunk], None]) -> None:
        message = forward(graph, 1)
        change(message)
        chunks.publish(message)

    for change, reason in UNUSABLE:
        publish_until(
            graph,
            lambda change=change: unusable(change),
            lambda reason=reason: any(reason in r.rejected for r in reports),
        )
    assert not poses


def test_without_the_robots_state_nothing_moves(graph, start, chunks) -> None:
    start("executor_node")
    poses = graph.collect(PoseStamped, "/target_pose")
    reports = graph.collect(ChunkReport, "/executor/chunk_report")
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    sentence = "the robot's state is not known: ee_pose: nothing received yet"
    publish_until(
        graph,
        lambda: chunks.publish(forward(graph, 1)),
        lambda: any(r.rejected == sentence for r in reports),
    )
    assert not poses


def test_ctrl_c_reaches_a_launched_node_twice(graph, executor) -> None:
    assert graph.transition("/executor", "configure") and graph.transition("/executor", "activate")
    assert executor.interrupt(times=20) == 0, executor.output


def test_dry_run_shows_setpoints_and_commands_nothing(graph, robot, start, chunks) -> None:
    executor = start("executor_node", dry_run="true")
    setpoints = graph.collect(PoseStamped, "/executor/setpoint")
    poses = graph.collect(PoseStamped, "/target_pose")
    activate(graph, chunks)
    sent = iter(range(1, 100))
    publish_until(
        graph, lambda: chunks.publish(forward(graph, next(sent))), lambda: len(setpoints) > 10
    )
    assert not poses
    assert executor.said("dry run: setpoints are published, nothing is commanded")


def test_a_robot_marked_untested_is_a_dry_run(graph, start) -> None:
    executor = start("executor_node", robot="franka")
    assert graph.transition("/executor", "configure")
    graph.wait_for(lambda: executor.said("dry run"), "the warning")
    assert graph.transition("/executor", "cleanup")
