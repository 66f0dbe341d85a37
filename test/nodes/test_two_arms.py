"""The executor node with a robot of two arms, over real topics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from graph import Graph, NodeProcess
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray, Header
from two_arms import ARMS, FINGER, JOINTS, robot_values

from groot_ros.chunks.chunk import Chunk
from groot_ros.nodes.messages import to_action_chunk, to_time
from groot_ros.signals.signals import Signals, SignalSpec, arm_signal
from groot_ros_msgs.msg import ActionChunk, ExecutorState

HOME = np.array([0.0, -0.3, 0.0, -2.2, 0.0, 2.0, 0.78])
STEP_NS = 1_000_000_000 // 15
START = Callable[..., NodeProcess]


class Pair:
    """Two arms that are where they are commanded to be at once, and say so at 50 Hz."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.joints = {arm: HOME.copy() for arm in ARMS}
        self.silent: set[str] = set()
        self._states = {
            arm: node.create_publisher(JointState, f"/{arm}/joint_states", 10) for arm in ARMS
        }
        node.create_timer(0.02, self._publish)

    def _publish(self) -> None:
        stamp = to_time(self._node.get_clock().now().nanoseconds)
        for arm, publisher in self._states.items():
            if arm not in self.silent:
                publisher.publish(
                    JointState(
                        header=Header(stamp=stamp),
                        name=[*JOINTS, FINGER],
                        position=[*self.joints[arm].tolist(), 0.04],
                    )
                )


class Policy:
    """Sends chunks for both arms until a test has seen enough."""

    def __init__(self, graph: Graph, ways: dict[str, np.ndarray]) -> None:
        self._node, self._ways = graph.node, ways
        self._chunks = graph.node.create_publisher(ActionChunk, "/policy/action_chunk", 1)
        self._count = 0
        self._begun_ns = graph.node.get_clock().now().nanoseconds
        self._timer = graph.node.create_timer(0.2, self._send)

    def _send(self) -> None:
        now_ns = self._node.get_clock().now().nanoseconds
        times_s = (now_ns - self._begun_ns + np.arange(16) * STEP_NS) / 1e9
        signals: dict[SignalSpec, Any] = {}
        for arm, way in self._ways.items():
            spec = arm_signal(f"{arm}/joint_position")
            grip = arm_signal(f"{arm}/grip")
            assert spec and grip
            spec = SignalSpec(spec.name, spec.kind, JOINTS)
            signals[spec] = HOME + np.outer(np.sin(times_s), way)
            signals[grip] = np.full(16, 1.0 if arm == "left" else 0.0)
        chunk = Chunk(now_ns, STEP_NS, 1, signals=Signals.of(signals))
        message = to_action_chunk(chunk, "table", [])
        message.activation = np.full(16, 7, np.uint8)
        self._count += 1
        message.chunk_id = self._count
        self._chunks.publish(message)

    def close(self) -> None:
        self._node.destroy_timer(self._timer)


def robot_file(folder: Path, **changes: Any) -> Path:
    path = folder / "pair.yaml"
    path.write_text(yaml.safe_dump(robot_values(**changes)))
    return path


def test_chunks_of_two_arms_are_commanded_to_each_and_stop_together(
    graph: Graph, start: START, tmp_path: Path
) -> None:
    arms = Pair(graph.node)
    commands: dict[str, list[Float64MultiArray]] = {}
    for arm in ARMS:
        commands[arm] = graph.collect(Float64MultiArray, f"/{arm}/commands", 5000)

        def follow(message: Float64MultiArray, arm: str = arm) -> None:
            arms.joints[arm] = np.array(message.data)

        graph.node.create_subscription(Float64MultiArray, f"/{arm}/commands", follow, 10)
    grips = {arm: graph.collect(Float64MultiArray, f"/{arm}/gripper", 5000) for arm in ARMS}
    states = graph.collect(ExecutorState, "/executor/state")
    node = start(
        "executor_node",
        robot=str(robot_file(tmp_path)),
        dry_run="false",
        incident_folder=str(tmp_path / "incidents"),
    )
    assert graph.transition("/executor", "configure"), node.output
    assert graph.transition("/executor", "activate")
    way = 0.2 * np.eye(7)[1]
    policy = Policy(graph, {"left": way, "right": -way})
    graph.wait_for(
        lambda: all(commands[arm] and abs(commands[arm][-1].data[1] + 0.3) > 0.05 for arm in ARMS),
        "both arms to move",
    )
    assert grips["left"][-1].data[0] == 1.0 and grips["right"][-1].data[0] == 0.0
    # The one goes as far as the other, all the time.
    count = min(len(commands[arm]) for arm in ARMS) - 2
    left, right = (np.array([c.data for c in commands[arm][:count]])[:, 1] + 0.3 for arm in ARMS)
    np.testing.assert_allclose(left, -right, atol=1e-9)
    arms.silent.add("right")
    graph.wait_for(lambda: states and "right/joint_position" in states[-1].stop_reason, "the stop")
    policy.close()
    graph.wait_for(lambda: states[-1].activity in ("holding", "idle"), "rest")
    for arm in ARMS:
        ends = np.array([c.data for c in commands[arm][-3:]])
        np.testing.assert_allclose(ends[-1], ends[-2], atol=1e-4)


def test_one_output_spans_both_arms(graph: Graph, start: START, tmp_path: Path) -> None:
    Pair(graph.node)
    values = robot_values(output={"profile": "joint_stream", "topic": "/both/commands"})
    for arm in values["arms"].values():
        arm["output"] = {"grip": arm["output"]["grip"]}
    path = tmp_path / "pair.yaml"
    path.write_text(yaml.safe_dump(values))
    commands = graph.collect(Float64MultiArray, "/both/commands", 5000)
    node = start("executor_node", robot=str(path), dry_run="false", black_box=False)
    assert graph.transition("/executor", "configure"), node.output
    assert graph.transition("/executor", "activate")
    way = 0.2 * np.eye(7)[1]
    policy = Policy(graph, {"left": way, "right": -way})
    graph.wait_for(lambda: commands and abs(commands[-1].data[1] + 0.3) > 0.02, "the arms to move")
    policy.close()
    both = np.array([command.data for command in commands])
    assert both.shape[1] == 14
    np.testing.assert_allclose(both[:, 1] + 0.3, -(both[:, 8] + 0.3), atol=1e-9)


def test_a_fake_pair_sways_by_a_policy_that_sees_both(
    graph: Graph, start: START, tmp_path: Path
) -> None:
    path = str(robot_file(tmp_path))
    start("fake_node", robot=path, image_width=64, image_height=48, image_rate=10.0)
    assert graph.transition("/fake", "configure") and graph.transition("/fake", "activate")
    states = {arm: graph.collect(JointState, f"/{arm}/joint_states", 5000) for arm in ARMS}
    start("executor_node", robot=path, fake=True, black_box=False)
    policy = start("policy_node", robot=path, policy="sway", instruction="sway")
    for node in ("/policy", "/executor"):
        assert graph.transition(node, "configure"), policy.output
        assert graph.transition(node, "activate")

    def swayed(arm: str) -> float:
        rows = [dict(zip(s.name, s.position, strict=True)) for s in states[arm]]
        joints = np.array([[row[joint] for joint in JOINTS] for row in rows])
        return float(np.ptp(joints, axis=0).max()) if len(joints) else 0.0

    graph.wait_for(lambda: all(swayed(arm) > 0.02 for arm in ARMS), "both arms to sway")
