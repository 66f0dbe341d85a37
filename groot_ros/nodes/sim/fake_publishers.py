"""What a fake robot measures and sees, on the topics of its robot file."""

from __future__ import annotations

import array
from typing import Any

import cv2
import numpy as np
from geometry_msgs.msg import PoseStamped, Transform, TransformStamped, Vector3
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64, Header

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.nodes.drivers.driver_messages import bytes_of, image
from groot_ros.nodes.messages import pose_stamped, to_time
from groot_ros.nodes.raw_topics import message_class
from groot_ros.observation.signal_messages import TRANSFORMS, of_link
from groot_ros.robot.camera_stream import CameraStream
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.pose_stream import TF, ComputedPose, TransformStream
from groot_ros.sim.fake.arm import FakeArm
from groot_ros.sim.fake.bag import BagPictures
from groot_ros.sim.fake.pattern import Pattern

# What most drivers offer: any subscriber can connect.
STATE_DEPTH, IMAGE_DEPTH = 10, 2
JPEG_QUALITY = 90


class StatePublishers:
    """Joint states, pose and grip of an arm."""

    def __init__(self, node: Node, robot: RobotConfig) -> None:
        self._node = node
        self._robot = robot
        streams = robot.observations
        self._joint_states: dict[str, Publisher] = {}
        for stream in (streams.joint_position, streams.grip):
            if (
                stream
                and getattr(stream, "joint", True)
                and stream.topic not in self._joint_states
            ):
                publisher = node.create_publisher(JointState, stream.topic, STATE_DEPTH)
                self._joint_states[stream.topic] = publisher
        self._poses = self._grips = self._transforms = None
        if isinstance(streams.ee_pose, TransformStream):
            self._transforms = node.create_publisher(message_class(TRANSFORMS), TF, STATE_DEPTH)
        elif streams.ee_pose and not isinstance(streams.ee_pose, ComputedPose):
            self._poses = node.create_publisher(PoseStamped, streams.ee_pose.topic, STATE_DEPTH)
        if streams.grip and streams.grip.joint is None:
            self._grips = node.create_publisher(Float64, streams.grip.topic, STATE_DEPTH)

    def publish(self, arm: FakeArm, now_ns: int) -> None:
        """Publish the present state of the arm."""
        for topic, publisher in self._joint_states.items():
            publisher.publish(self._joint_state(topic, arm, now_ns))
        hand = self._robot.observations.ee_pose
        if hand and arm.pose is not None:
            # The arm follows commands with the frame that the file means, its link is told.
            pose = of_link(hand, arm.pose)
            if self._poses:
                self._poses.publish(pose_stamped(pose, now_ns, self._robot.base_frame))
            if self._transforms:
                self._transforms.publish(self._transform(pose, hand.link, now_ns))
        grip = self._robot.observations.grip
        if self._grips and grip:
            self._grips.publish(Float64(data=grip.raw(arm.grip)))

    def _transform(self, pose: NDArray[np.float64], link: str, now_ns: int) -> Any:
        told = pose_stamped(pose, now_ns, self._robot.base_frame)
        place, turned = told.pose.position, told.pose.orientation
        transform = Transform(
            translation=Vector3(x=place.x, y=place.y, z=place.z), rotation=turned
        )
        stamped = TransformStamped(header=told.header, child_frame_id=link, transform=transform)
        return message_class(TRANSFORMS)(transforms=[stamped])

    def _joint_state(self, topic: str, arm: FakeArm, now_ns: int) -> JointState:
        message = JointState(header=Header(stamp=to_time(now_ns)))
        joints, grip = self._robot.observations.joint_position, self._robot.observations.grip
        if joints and joints.topic == topic and arm.joints is not None:
            message.name = list(joints.joints)
            message.position = arm.joints.tolist()
            message.velocity = arm.joint_velocity.tolist()
        if grip and grip.joint and grip.topic == topic and grip.joint not in message.name:
            message.name = [*message.name, grip.joint]
            message.position = [*message.position, grip.raw(arm.grip)]
            message.velocity = [*message.velocity, 0.0]
        return message

    def close(self) -> None:
        others = self._poses, self._grips, self._transforms
        for publisher in (*self._joint_states.values(), *others):
            if publisher:
                self._node.destroy_publisher(publisher)


class PicturePublishers:
    """Pictures of all cameras, of a size (width, height): a test pattern, or those of a bag."""

    def __init__(
        self, node: Node, robot: RobotConfig, size: tuple[int, int], bag: BagPictures | None
    ) -> None:
        self._node = node
        self._bag = bag
        self._cameras = robot.observations.cameras
        self._patterns = {name: Pattern(name, *size) for name in self._cameras}
        types = bag.types if bag else {}
        self._publishers = {
            name: node.create_publisher(
                message_class(types.get(name, COMPRESSED_IMAGE if camera.compressed else IMAGE)),
                camera.topic,
                IMAGE_DEPTH,
            )
            for name, camera in self._cameras.items()
        }

    def publish(self, now_ns: int, elapsed_ns: int) -> None:
        """Publish the cameras' pictures; `elapsed_ns` is the time since the first ones."""
        if self._bag is None:
            for name, publisher in self._publishers.items():
                picture = self._patterns[name].picture(elapsed_ns / 1e9)
                publisher.publish(_picture_message(picture, self._cameras[name], name, now_ns))
            return
        for name, recorded in self._bag.take(elapsed_ns).items():
            self._publishers[name].publish(_recorded_message(recorded, name, now_ns))

    def close(self) -> None:
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        if self._bag:
            self._bag.close()


def _picture_message(
    picture: np.ndarray[Any, np.dtype[np.uint8]], camera: CameraStream, name: str, now_ns: int
) -> Image | CompressedImage:
    frame = f"{name}_optical_frame"
    if not camera.compressed:
        return image(picture, now_ns, frame)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), quality)
    header = Header(stamp=to_time(now_ns), frame_id=frame)
    return CompressedImage(header=header, format="jpeg", data=bytes_of(data.data))


def _recorded_message(recorded: Any, name: str, now_ns: int) -> Image | CompressedImage:
    """A message of a bag, with the time of now."""
    frame = recorded.header.frame_id or f"{name}_optical_frame"
    header = Header(stamp=to_time(now_ns), frame_id=frame)
    data: array.array[int] = bytes_of(np.ascontiguousarray(recorded.data).data)
    if not hasattr(recorded, "encoding"):
        return CompressedImage(header=header, format=recorded.format, data=data)
    return Image(
        header=header,
        height=recorded.height,
        width=recorded.width,
        encoding=recorded.encoding,
        is_bigendian=recorded.is_bigendian,
        step=recorded.step,
        data=data,
    )
