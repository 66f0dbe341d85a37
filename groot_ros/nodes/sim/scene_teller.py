"""What a simulator tells of its scenes."""

from __future__ import annotations

from rclpy.node import Node
from std_msgs.msg import Bool, Int64

from groot_ros.nodes.qos import LATCHED


class SceneTeller:
    """Publishes the scene on `~/seed` and the task's success on `~/success`, latched.

    Belongs to the thread that advances the simulator's time.
    """

    def __init__(self, node: Node) -> None:
        self._told: bool | None = None
        self._seed = node.create_publisher(Int64, "~/seed", LATCHED)
        self._success = node.create_publisher(Bool, "~/success", LATCHED)

    def begin(self, scene: int) -> None:
        """Publish the beginning of an episode."""
        self._seed.publish(Int64(data=scene))

    def tell(self, succeeded: bool) -> None:
        """Publish whether the task is done, where that has changed."""
        if succeeded != self._told:
            self._told = succeeded
            self._success.publish(Bool(data=succeeded))
