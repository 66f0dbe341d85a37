"""sensor_msgs/Image: pixels."""

from __future__ import annotations

from groot_ros.cameras.kind import CameraKind
from groot_ros.cameras.raw_image import image_to_rgb

IMAGE = "sensor_msgs/msg/Image"

KIND = CameraKind(
    type_name=IMAGE,
    field="step",
    ending="",
    picture=lambda message, camera: image_to_rgb(message, camera.encoding, camera.depth_range_m),
)
