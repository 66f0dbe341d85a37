"""Subscriptions to what a robot file names; the callbacks only store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64, Header

from groot_ros.buffer import ObservationBuffer, pick_joints
from groot_ros.nodes.image_bridge import message_to_rgb
from groot_ros.nodes.messages import from_pose, to_ns
from groot_ros.robot import GripStream, JointStream

# Best effort connects to any publisher; a late picture or state is of no use anyway.
STATE_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.BEST_EFFORT
)
IMAGE_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT
)


class StreamSubscriptions:
    """Feeds an ObservationBuffer with its streams; `picture_came` follows each picture."""

    def __init__(
        self,
        node: Node,
        buffer: ObservationBuffer,
        picture_came: Callable[[], None] = lambda: None,
    ) -> None:
        self._node = node
        self._buffer = buffer
        self._picture_came = picture_came
        self._subscriptions: list[Subscription] = []
        observations = buffer.robot.observations
        joints: dict[str, list[Callable[[JointState], None]]] = {}
        if "joint_position" in buffer.fields and observations.joint_position:
            stream = observations.joint_position
            joints.setdefault(stream.topic, []).append(partial(self._store_joints, stream))
        if "grip" in buffer.fields and observations.grip:
            self._subscribe_grip(observations.grip, joints)
        if "ee_pose" in buffer.fields and observations.ee_pose:
            self._subscribe(PoseStamped, observations.ee_pose.topic, self._store_pose)
        for topic, stores in joints.items():
            self._subscribe(JointState, topic, partial(_call_all, stores))
        for name in buffer.cameras:
            camera = observations.cameras[name]
            kind = CompressedImage if camera.compressed else Image
            self._subscribe(kind, camera.topic, partial(self._store_image, name), IMAGE_QOS)

    def _subscribe(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile = STATE_QOS
    ) -> None:
        subscription = self._node.create_subscription(kind, topic, callback, qos)
        self._subscriptions.append(subscription)

    def _subscribe_grip(
        self, stream: GripStream, joints: dict[str, list[Callable[[JointState], None]]]
    ) -> None:
        if stream.joint is None:
            self._subscribe(Float64, stream.topic, partial(self._store_grip, stream))
        else:
            store = partial(self._store_grip_joint, stream, stream.joint)
            joints.setdefault(stream.topic, []).append(store)

    def close(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _stamp_ns(self, stream: str, header: Header) -> int:
        stamp_ns = to_ns(header.stamp)
        if stamp_ns == 0:
            self._buffer.report(
                stream, "messages carry no time (header.stamp is 0): let the driver stamp them"
            )
        return stamp_ns

    def _store_joints(self, stream: JointStream, message: JointState) -> None:
        if stamp_ns := self._stamp_ns("joint_position", message.header):
            try:
                position = pick_joints(stream.joints, message.name, message.position)
            except KeyError as missing:
                self._buffer.report("joint_position", _no_joint(stream.topic, missing, message))
            else:
                self._buffer.add_joint_position(stamp_ns, position)

    def _store_grip_joint(self, stream: GripStream, joint: str, message: JointState) -> None:
        if stamp_ns := self._stamp_ns("grip", message.header):
            try:
                raw = pick_joints([joint], message.name, message.position)[0]
            except KeyError as missing:
                self._buffer.report("grip", _no_joint(stream.topic, missing, message))
            else:
                self._buffer.add_grip(stamp_ns, stream.closure(float(raw)))

    def _store_grip(self, stream: GripStream, message: Float64) -> None:
        now_ns = self._node.get_clock().now().nanoseconds
        self._buffer.add_grip(now_ns, stream.closure(message.data))

    def _store_pose(self, message: PoseStamped) -> None:
        base = self._buffer.robot.base_frame
        if message.header.frame_id.lstrip("/") != base:
            self._buffer.report(
                "ee_pose",
                f"messages are in frame {message.header.frame_id!r}, the robot file's base_frame "
                f"is {base!r}",
            )
        elif stamp_ns := self._stamp_ns("ee_pose", message.header):
            self._buffer.add_ee_pose(stamp_ns, from_pose(message.pose))

    def _store_image(self, camera: str, message: Image | CompressedImage) -> None:
        if stamp_ns := self._stamp_ns(camera, message.header):
            self._buffer.add_image(camera, stamp_ns, partial(message_to_rgb, message))
            self._picture_came()


def _call_all(stores: list[Callable[[JointState], None]], message: JointState) -> None:
    for store in stores:
        store(message)


def _no_joint(topic: str, missing: KeyError, message: JointState) -> str:
    return f"{topic} has no joint {missing}, only {', '.join(message.name)}: check the robot file"
