"""sensor_msgs/CompressedImage: JPEG, PNG or WebP, and H.264 or H.265 where its format says so."""

from __future__ import annotations

import re
from typing import Any

from groot_ros.cameras.kind import CameraKind
from groot_ros.cameras.raw_image import compressed_to_rgb

COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"

# Names of video coding in the wild: h264, H.265, avc1, hevc, x264 by itself or in a longer text.
_VIDEO = re.compile(r"\b[hx]\.?26[45]\b|\bavc1?\b|\bhevc\b", re.IGNORECASE)


def _video(message: Any) -> str:
    found = _VIDEO.search(message.format)
    return found[0].lower() if found else ""


KIND = CameraKind(
    type_name=COMPRESSED_IMAGE,
    field="format",
    ending="compressed",
    video=_video,
    picture=lambda message, camera: compressed_to_rgb(message, camera.depth_range_m),
)
