"""Publishes what an arm with cameras does, at fixed rates: the load of `benchmark recorder`.

Prints "matched" when every topic has a subscriber, starts at a line on standard input and prints
at the end how many messages each topic was given, as JSON.
"""

from __future__ import annotations

import argparse
import array
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image, JointState

WIDTH, HEIGHT = 640, 480
CAMERA_RATE_HZ, STATE_RATE_HZ = 30, 500
JOINTS = [f"joint{i}" for i in range(1, 8)]
# As camera drivers and ros2_control publish.
CAMERA_QOS = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
STATE_QOS = QoSProfile(depth=10)
POLL_S = 0.01


@dataclass
class _Stream:
    """A topic with its period, when its next message is due and how many it was given."""

    publisher: Publisher
    message: Callable[[], object]
    period_s: float
    due_s: float = 0.0
    count: int = 0


class CameraLoad:
    """`cameras` raw cameras and one JointState topic below `namespace`."""

    def __init__(self, node: Node, cameras: int) -> None:
        self._node = node
        self._pictures = [_picture(seed) for seed in range(4)]
        self._streams = [
            _Stream(
                node.create_publisher(JointState, "joint_states", STATE_QOS),
                self._state,
                1 / STATE_RATE_HZ,
            )
        ]
        for camera in range(cameras):
            publisher = node.create_publisher(Image, f"camera{camera}/image_raw", CAMERA_QOS)
            self._streams.append(_Stream(publisher, self._image, 1 / CAMERA_RATE_HZ))

    @property
    def matched(self) -> bool:
        return all(stream.publisher.get_subscription_count() for stream in self._streams)

    def run(self, seconds: float) -> dict[str, int]:
        """Publish for a time; messages per topic."""
        start_s = time.monotonic()
        for index, stream in enumerate(self._streams):
            # Cameras are not triggered together.
            stream.due_s = start_s + stream.period_s * index / len(self._streams)
        while (now_s := time.monotonic()) < start_s + seconds:
            stream = min(self._streams, key=lambda stream: stream.due_s)
            if stream.due_s > now_s:
                time.sleep(stream.due_s - now_s)
            stream.publisher.publish(stream.message())
            stream.count += 1
            stream.due_s += stream.period_s
        return {stream.publisher.topic_name: stream.count for stream in self._streams}

    def _state(self) -> JointState:
        message = JointState(name=JOINTS)
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.position = message.velocity = message.effort = [0.0] * len(JOINTS)
        return message

    def _image(self) -> Image:
        message = self._pictures[0]
        self._pictures.append(self._pictures.pop(0))
        message.header.stamp = self._node.get_clock().now().to_msg()
        return message


def _picture(seed: int) -> Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    message = Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=WIDTH * 3)
    message.data = array.array("B", pixels.tobytes())
    return message


def main() -> int:
    """Publish until the time is over; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cameras", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--namespace", required=True)
    args = parser.parse_args()
    rclpy.init()
    load = CameraLoad(Node("load", namespace=args.namespace), args.cameras)
    while not load.matched:
        time.sleep(POLL_S)
    print("matched", flush=True)
    sys.stdin.readline()
    print(json.dumps(load.run(args.seconds)), flush=True)
    # Until the recorder has taken what is still in the shared memory.
    sys.stdin.readline()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
