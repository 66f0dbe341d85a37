"""`groot-ros doctor` in a graph with faults."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from geometry_msgs.msg import PoseStamped
from graph import Graph
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Float64, String

from groot_ros_msgs.msg import ActionChunk

TIMES = 10


def test_faults_of_a_graph_are_named_with_the_next_command(graph: Graph) -> None:
    node = graph.node
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    node.create_publisher(Image, "camera/image", best_effort)
    node.create_subscription(Image, "camera/image", lambda _: None, 1)
    node.create_publisher(Float64, "grip", 1)
    node.create_publisher(PoseStamped, "target_pose", 1)
    node.create_publisher(ActionChunk, "chunks", 1)
    with other_node() as other:
        other.create_subscription(String, "grip", lambda _: None, 1)
        everybody = {node.get_fully_qualified_name(), "/other"}
        # Whoever has just come may not have found all the others.
        reports = (doctor() for _ in range(TIMES))
        report = next((r for r in reports if everybody <= set(r["nodes"])), None)
    assert report, "it has not found the others"
    found = {finding["key"]: finding for finding in report["findings"]}
    assert "est effort publisher and reliable subscription" in found["/camera/image"]["sentence"]
    assert "of different types" in found["/grip"]["sentence"]
    assert "/chunks" not in found, "it was built with the same messages"
    assert "nobody listens to target_pose" in found["output.topic"]["sentence"]
    assert all(finding["command"] for finding in report["findings"])


@contextmanager
def other_node() -> Iterator[Node]:
    """A node that knows nothing of the types of the first one."""
    context = Context()
    rclpy.init(context=context)
    node = Node("other", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def doctor() -> dict[str, Any]:
    command = [sys.executable, "-m", "groot_ros.cli.main", "doctor", "--robot", "sim", "--json"]
    told = subprocess.run(
        [*command, "--seconds", "5"], capture_output=True, text=True, check=False, timeout=300
    )
    assert told.returncode == 1, told.stderr
    report: dict[str, Any] = json.loads(told.stdout)
    return report
