"""A camera that sends H.264 in CompressedImage at 30 Hz, in a process of its own.

Its topic is `/camera`, whose name promises pictures that are not compressed.
"""

from __future__ import annotations

import array
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from encoded import stream
from sensor_msgs.msg import CompressedImage

COUNT = 35


@contextmanager
def video_camera() -> Iterator[None]:
    """It sends until the end of the block."""
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen([sys.executable, __file__], env={**os.environ, "PYTHONPATH": path})
    try:
        yield
    finally:
        process.kill()
        process.wait()


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
