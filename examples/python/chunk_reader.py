"""Reads what a running policy wants to do, with ROS sourced: `chunk_reader.py [TOPIC]`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import rclpy
from rclpy.node import Node

from groot_ros.chunks.message import from_action_chunk
from groot_ros_msgs.msg import ActionChunk


def lines(message: ActionChunk) -> Iterator[str]:
    """What a chunk says, a line for each of its signals."""
    if not message.horizon:
        yield f"everything before epoch {message.epoch} is void"
        return
    chunk = from_action_chunk(message)
    for name, steps in chunk.signals.items():
        yield f"chunk {message.chunk_id}: {name} {steps.shape}, first {steps[0].round(3)}"


class ChunkReader(Node):
    """Prints the chunks that come."""

    def __init__(self, topic: str) -> None:
        super().__init__("chunk_reader")
        self.create_subscription(ActionChunk, topic, self._on_chunk, 10)

    def _on_chunk(self, message: ActionChunk) -> None:
        print("\n".join(lines(message)), flush=True)


if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(ChunkReader(sys.argv[1] if len(sys.argv) > 1 else "policy/action_chunk"))
