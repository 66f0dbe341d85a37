"""Our conversion of pictures equals cv_bridge's, where cv_bridge is installed."""

from __future__ import annotations

import array

import numpy as np
import pytest
from sensor_msgs.msg import Image

from groot_ros.image_messages import image_to_rgb
from groot_ros.nodes.image_bridge import cv_bridge_to_rgb, message_to_rgb

CHANNELS = {
    "rgb8": (np.uint8, 3),
    "bgr8": (np.uint8, 3),
    "rgba8": (np.uint8, 4),
    "bgra8": (np.uint8, 4),
    "mono8": (np.uint8, 1),
    "mono16": (np.uint16, 1),
    "bayer_rggb8": (np.uint8, 1),
    "bayer_bggr8": (np.uint8, 1),
    "bayer_gbrg8": (np.uint8, 1),
    "bayer_grbg8": (np.uint8, 1),
    "yuv422": (np.uint8, 2),
    "yuv422_yuy2": (np.uint8, 2),
}


def picture(encoding: str) -> Image:
    kind, channels = CHANNELS[encoding]
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, np.iinfo(kind).max, (24, 32 * channels), kind)
    rows = np.pad(pixels.view(np.uint8), ((0, 0), (0, 6)))
    message = Image(height=24, width=32, encoding=encoding, step=rows.shape[1])
    message.data = array.array("B", rows.tobytes())
    return message


@pytest.mark.parametrize("encoding", CHANNELS)
def test_equal_to_cv_bridge(encoding: str) -> None:
    pytest.importorskip("cv_bridge")
    ours, theirs = image_to_rgb(picture(encoding)), cv_bridge_to_rgb(picture(encoding))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("encoding", CHANNELS)
def test_live_messages_are_read(encoding: str) -> None:
    np.testing.assert_array_equal(
        message_to_rgb(picture(encoding)), image_to_rgb(picture(encoding))
    )
