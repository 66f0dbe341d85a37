"""A signal that is none of the arm's, over DDS into an observation."""

from __future__ import annotations

import numpy as np
from geometry_msgs.msg import Vector3, Wrench, WrenchStamped
from graph import Graph
from std_msgs.msg import Header

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
