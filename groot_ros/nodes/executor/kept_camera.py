"""A camera whose messages an incident holds: pictures now and then, or every packet of video."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage

from groot_ros.cameras.catalog import VIDEO_TYPES, found_type, kind_of
from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.video_thread import PACKETS
from groot_ros.data.bags.metadata import Topic
from groot_ros.errors import UserError
from groot_ros.incidents.writer_process import WriterProcess
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.raw_topics import message_class, offered_qos
from groot_ros.observation.routes import Route
from groot_ros.robot.camera_stream import CameraStream

LOOK_PERIOD_S = 1.0
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
AS_NEWEST = (offered_qos(NEWEST),)


class KeptCamera:
    """Passes a camera's messages on undecoded; used by the node's callbacks alone.

    It begins with the type that the robot file promises, and follows the publishers until the
    first message has arrived.
    """

    def __init__(
        self,
        node: GuardedLifecycleNode,
        route: Route,
        camera: CameraStream,
        writer: WriterProcess,
        pace: CallbackGroup,
    ) -> None:
        """`pace` says when another picture is wanted."""
        self._node = node
        self._route = route
        self._camera = camera
        self._writer = writer
        self._pace = pace
        self._name = node.resolve_topic_name(route.topic)
        self._kind = ""
        self._has_come = False
        self._looked_s = 0.0
        self._subscription: Subscription | None = None
        self.look()

    def look(self) -> None:
        """Follow the publishers' type, until the first message has arrived."""
        now_s = time.monotonic()
        if self._has_come or now_s - self._looked_s < LOOK_PERIOD_S:
            return
        self._looked_s = now_s
        publishers = self._node.get_publishers_info_by_topic(self._name)
        kind = found_type(self._route.type_name, {p.topic_type for p in publishers})
        if kind != self._kind:
            self._kind = kind
            self._subscribe(kind in VIDEO_TYPES)

    def _subscribe(self, is_video: bool) -> None:
        self.close()
        try:
            kind = message_class(self._kind)
        except UserError:
            # Whoever needs its pictures says so.
            return
        self._subscription = self._node.create_witness(
            kind,
            self._route.topic,
            self._packets() if is_video else self._pictures(),
            self._every() if is_video else NEWEST,
            raw=True,
            callback_group=None if is_video else self._pace,
        )

    def _every(self) -> QoSProfile:
        """A packet that is lost costs all pictures up to the next key frame."""
        publishers = self._node.get_publishers_info_by_topic(self._name)
        offered = {publisher.qos_profile.reliability for publisher in publishers}
        is_reliable = offered == {ReliabilityPolicy.RELIABLE}
        reliability = ReliabilityPolicy.RELIABLE if is_reliable else NEWEST.reliability
        return QoSProfile(depth=PACKETS, reliability=reliability)

    def _pictures(self) -> Callable[[bytes], None]:
        as_it_is = self._kind == COMPRESSED_IMAGE
        name = self._name if as_it_is else f"{self._name}/compressed"
        topic = Topic(name, COMPRESSED_IMAGE, AS_NEWEST)
        self._writer.tell("camera", topic, self._kind, self._camera)

        def keep(data: bytes) -> None:
            if not self._has_come and as_it_is and _is_video(data):
                self._subscribe(True)
            else:
                self._writer.tell_picture(name, self._node.now_ns(), data)
            self._has_come = True

        return keep

    def _packets(self) -> Callable[[bytes], None]:
        name = self._name
        self._writer.tell("video", Topic(name, self._kind, AS_NEWEST))

        def keep(data: bytes) -> None:
            self._has_come = True
            self._writer.tell_packet(name, self._node.now_ns(), data)

        return keep

    def close(self) -> None:
        """Destroy the subscription."""
        if self._subscription:
            self._node.destroy_subscription(self._subscription)
        self._subscription = None


def _is_video(data: bytes) -> bool:
    message: Any = deserialize_message(data, CompressedImage)
    return bool(kind_of(message).video(message))
