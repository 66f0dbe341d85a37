"""Pictures of live messages: by cv_bridge where it is installed, else by our own conversion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import CompressedImage, Image

from groot_ros.errors import UserError
from groot_ros.image_messages import compressed_to_rgb, image_to_rgb

try:
    import cv_bridge
except ImportError:
    cv_bridge = None


def message_to_rgb(message: Image | CompressedImage) -> NDArray[np.uint8]:
    """Picture (H, W, 3) uint8 RGB of a live message; UserError when it has no colour."""
    if isinstance(message, CompressedImage):
        return compressed_to_rgb(message)
    if cv_bridge is None:
        return image_to_rgb(message)
    return cv_bridge_to_rgb(message)


def cv_bridge_to_rgb(message: Image) -> NDArray[np.uint8]:
    """The same by cv_bridge."""
    try:
        image = cv_bridge.CvBridge().imgmsg_to_cv2(message, desired_encoding="rgb8")
    except (cv_bridge.CvBridgeError, ValueError, TypeError) as error:
        raise UserError(
            f"image of encoding {message.encoding!r} cannot be read: {error}"
        ) from error
    return np.ascontiguousarray(image, dtype=np.uint8)
