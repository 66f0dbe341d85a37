"""Signals over DDS into an observation: one that is none of the arm's, grippers of any type."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from geometry_msgs.msg import Vector3, Wrench, WrenchStamped
from graph import Graph
from std_msgs.msg import Bool, Float32, Float64MultiArray, Header

from groot_ros.files.config_file import read_yaml
from groot_ros.nodes.messages import to_time
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.robot.config import parse_robot
from groot_ros.share import share_file


def test_a_wrench_is_observed_live(graph: Graph) -> None:
    values = read_yaml(share_file("config/robots/sim.yaml"))
    robot = parse_robot({**values, "signals": {"wrench": {"topic": "/ft_sensor/wrench"}}}, "sim")
    buffer = ObservationBuffer(robot, ["wrench"], cameras=[])
    StreamSubscriptions(graph.node, buffer)
    publisher = graph.node.create_publisher(WrenchStamped, "/ft_sensor/wrench", 1)
    wrench = Wrench(force=Vector3(z=-9.5), torque=Vector3(x=0.25))

    def send() -> None:
        stamp = to_time(graph.node.get_clock().now().nanoseconds)
        publisher.publish(WrenchStamped(header=Header(stamp=stamp), wrench=wrench))

    def is_there() -> bool:
        try:
            buffer.newest_state("wrench", graph.node.get_clock().now().nanoseconds)
        except NotReady:
            return False
        return True

    graph.node.create_timer(0.05, send)
    graph.wait_for(is_there, "the wrench")
    now_ns = graph.node.get_clock().now().nanoseconds
    np.testing.assert_array_equal(
        buffer.newest_state("wrench", now_ns), [0.0, 0.0, -9.5, 0.25, 0.0, 0.0]
    )


GRIPS = {
    "float32": ({"open": 100.0, "closed": 0.0}, Float32(data=25.0), 0.75),
    "bool": ({}, Bool(data=True), 1.0),
    "array": ({"index": 1}, Float64MultiArray(data=[9.0, 0.25]), 0.25),
}


def watched(graph: Graph, **stream: object) -> tuple[ObservationBuffer, StreamSubscriptions]:
    values = read_yaml(share_file("config/robots/sim.yaml"))
    values["observations"]["grip"] = {"topic": "/gripper/state", **stream}
    buffer = ObservationBuffer(parse_robot(values, "sim"), ["grip"], cameras=[])
    return buffer, StreamSubscriptions(graph.node, buffer)


def newest(graph: Graph, buffer: ObservationBuffer) -> float | str:
    """The closure, or why there is none."""
    try:
        return float(buffer.newest_state("grip", graph.node.get_clock().now().nanoseconds))
    except NotReady as problem:
        return str(problem)


@pytest.fixture
def driver() -> Iterator[Graph]:
    """Another participant: within one all have to agree on the type of a topic."""
    graph = Graph()
    yield graph
    graph.close()


@pytest.mark.parametrize("kind", GRIPS)
def test_a_gripper_is_observed_live_whatever_tells_it(
    graph: Graph, driver: Graph, kind: str
) -> None:
    stream, message, closure = GRIPS[kind]
    buffer, _ = watched(graph, **stream)
    publisher = driver.node.create_publisher(type(message), "/gripper/state", 1)
    driver.node.create_timer(0.05, lambda: publisher.publish(message))
    graph.wait_for(lambda: newest(graph, buffer) == closure, "the gripper")


def test_a_gripper_of_an_unknown_type_is_named(graph: Graph, driver: Graph) -> None:
    buffer, _ = watched(graph)
    driver.node.create_publisher(Wrench, "/gripper/state", 1)
    sentence = "/gripper/state is geometry_msgs/msg/Wrench, expected one of std_msgs/msg/Float64"
    graph.wait_for(lambda: sentence in str(newest(graph, buffer)), "the sentence")
