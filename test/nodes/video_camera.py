"""A process that sends H.264 in CompressedImage at 30 Hz until it is killed.

Its topic is `/camera`, whose name promises pictures that are not compressed.
"""

from __future__ import annotations

import array
import itertools
import sys
from pathlib import Path

import rclpy
from sensor_msgs.msg import CompressedImage

sys.path.insert(0, str(Path(__file__).parents[1]))
from encoded import stream  # noqa: E402

COUNT = 35

if __name__ == "__main__":
    rclpy.init()
    node = rclpy.create_node("camera")
    publisher = node.create_publisher(CompressedImage, "/camera", 60)
    packets = itertools.cycle(stream("h264", COUNT)[0])

    def publish() -> None:
        """The next packet; after the last comes the first again, which is a key frame."""
        message = CompressedImage(format="h264", data=array.array("B", next(packets).data))
        message.header.stamp = node.get_clock().now().to_msg()
        publisher.publish(message)

    node.create_timer(1 / 30, publish)
    rclpy.spin(node)
