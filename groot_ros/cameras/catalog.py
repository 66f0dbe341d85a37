"""All message types of cameras."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from groot_ros.cameras import compressed_image, compressed_video, ffmpeg_packet, image
from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.cameras.kind import CameraKind, Picture, no_picture
from groot_ros.robot.camera_stream import CameraStream

KINDS = (image.KIND, ffmpeg_packet.KIND, compressed_video.KIND, compressed_image.KIND)
CAMERA_TYPES = tuple(kind.type_name for kind in KINDS)
VIDEO_TYPES = tuple(kind.type_name for kind in KINDS if kind.picture is no_picture)
"""Those that hold nothing else."""


def kind_of(message: Any) -> CameraKind:
    """The kind of a camera's message, live or from a bag."""
    return next(kind for kind in KINDS if hasattr(message, kind.field))


def message_to_rgb(message: Any, camera: CameraStream) -> Picture:
    """Picture (H, W, 3) uint8 RGB of a camera's message; UserError where it has none by itself."""
    return kind_of(message).picture(message, camera)


def expected_type(camera: CameraStream) -> str:
    """The message type that a camera's name and keys promise, before anybody has sent one."""
    if camera.compressed:
        return COMPRESSED_IMAGE
    last = camera.topic.rsplit("/", 1)[-1]
    return next((kind.type_name for kind in KINDS if kind.ending == last), IMAGE)


def found_type(expected: str, found: Container[str]) -> str:
    """The type of a camera's topic on which types were found: the expected one if it is there,
    else another one of cameras; the expected one where there is none."""
    return next((name for name in (expected, *CAMERA_TYPES) if name in found), expected)
