"""Bags to measure with: an arm that moves in front of two cameras with moving pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.writer import BagWriter
from groot_ros.observation.fields import NS
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE, POSE
from groot_ros.robot.config import RobotConfig, load_robot

ROBOT = "sim"
CAMERA_HZ = 30
STATE_HZ = 100
PICTURE_SIZE = (480, 640)
BEGIN_NS = 1_700_000_000 * NS
JPEG_QUALITY = 90
Picture = NDArray[np.uint8]


def _raw(make: MessageMaker, stamp_ns: int, frame: str, picture: Picture) -> bytes:
    return make.image(stamp_ns, frame, picture)


def _jpeg(make: MessageMaker, stamp_ns: int, frame: str, picture: Picture) -> bytes:
    bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    header = make.header(stamp_ns, frame)
    return make.make(COMPRESSED_IMAGE, header=header, format="jpeg", data=data.ravel())


@dataclass(frozen=True)
class Pictures:
    """What cameras send, (height, width) in size."""

    type_name: str
    size: tuple[int, int]
    message: Callable[[MessageMaker, int, str, Picture], bytes]


PICTURES = {
    "raw": Pictures(IMAGE, PICTURE_SIZE, _raw),
    "jpeg": Pictures(COMPRESSED_IMAGE, PICTURE_SIZE, _jpeg),
    # For long bags, where the number of pictures counts and not their size.
    "small": Pictures(COMPRESSED_IMAGE, (48, 64), _jpeg),
}


def write_bag(
    path: Path, seconds: float, pictures: str = "raw", chunk_s: float = float("inf")
) -> None:
    """Write a bag with `PICTURES` of a kind, in chunks of 1 MiB or `chunk_s`."""
    robot, make = load_robot(ROBOT), MessageMaker()
    streams, commands = robot.observations, robot.commands
    assert streams.joint_position and streams.ee_pose and commands.ee_pose and commands.grip
    writer = BagWriter(path)
    kind = PICTURES[pictures]
    cameras = {
        camera.topic: _texture(seed, kind.size)
        for seed, camera in enumerate(streams.cameras.values())
    }
    topics = {streams.joint_position.topic: JOINT_STATE, streams.ee_pose.topic: POSE}
    topics |= {commands.ee_pose: POSE, commands.grip.topic: FLOAT}
    topics |= dict.fromkeys(cameras, kind.type_name)
    for topic, type_name in topics.items():
        writer.add_topic(Topic(f"/{topic}", type_name))

    def write(topic: str, time_ns: int, data: bytes) -> None:
        writer.write(f"/{topic}", time_ns, time_ns, data)

    picture_due_s, chunk_end_s = 0.0, chunk_s
    for tick in range(round(seconds * STATE_HZ)):
        time_s = tick / STATE_HZ
        now_ns = BEGIN_NS + round(time_s * NS)
        pose = _pose(time_s)
        write(
            streams.joint_position.topic, now_ns, make.joint_state(now_ns, _joints(robot, time_s))
        )
        write(streams.ee_pose.topic, now_ns, make.pose(now_ns, robot.base_frame, pose))
        write(commands.ee_pose, now_ns, make.pose(now_ns, robot.base_frame, pose))
        write(commands.grip.topic, now_ns, make.float64(0.5 + 0.5 * np.sin(time_s)))
        if time_s >= picture_due_s:
            picture_due_s += 1.0 / CAMERA_HZ
            for topic, texture in cameras.items():
                picture = np.roll(texture, round(60 * time_s), axis=1)
                write(topic, now_ns, kind.message(make, now_ns, topic, picture))
        if time_s >= chunk_end_s:
            chunk_end_s += chunk_s
            writer.flush()
    writer.finish()


def _texture(seed: int, size: tuple[int, int]) -> Picture:
    """A picture with edges and smooth parts, as cameras see them."""
    noise = np.random.default_rng(seed).random((*size, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 12)
    low, high = smooth.min(), smooth.max()
    return np.asarray((smooth - low) / (high - low) * 255, dtype=np.uint8)


def _pose(time_s: float) -> NDArray[np.float64]:
    angle = 0.5 * time_s
    position = [0.5 + 0.1 * np.cos(angle), 0.1 * np.sin(angle), 0.3]
    return np.array([*position, 0.0, 1.0, 0.0, 0.0])


def _joints(robot: RobotConfig, time_s: float) -> Mapping[str, float]:
    streams = robot.observations
    assert streams.joint_position and streams.grip and streams.grip.joint
    positions = {
        joint: float(np.sin(time_s + index))
        for index, joint in enumerate(streams.joint_position.joints)
    }
    return {**positions, streams.grip.joint: 0.02}
