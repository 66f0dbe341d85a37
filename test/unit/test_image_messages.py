"""Pictures out of messages: every encoding, padded rows, both byte orders."""

from __future__ import annotations

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from groot_ros.errors import UserError
from groot_ros.image_messages import compressed_to_rgb, image_to_array, image_to_rgb

HEIGHT, WIDTH = 32, 48


def colours():
    """Left half red with some green, right half blue: no channel can be mistaken."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:, : WIDTH // 2] = (200, 60, 10)
    image[:, WIDTH // 2 :] = (20, 90, 180)
    return image


def message(encoding, pixels, padding=0, bigendian=0):
    """An Image message with `padding` bytes of noise behind every row."""
    rows = np.ascontiguousarray(pixels).view(np.uint8).reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return SimpleNamespace(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=bigendian,
        step=rows.shape[1],
        data=array.array("B", rows.tobytes()),
    )


def mosaic(pattern):
    """Bayer mosaic of the colours; the pattern names the first 2x2 pixels in reading order."""
    image, result = colours(), np.zeros((HEIGHT, WIDTH), np.uint8)
    for index, channel in enumerate(pattern):
        row, column = index // 2, index % 2
        result[row::2, column::2] = image[row::2, column::2, "rgb".index(channel)]
    return result


def with_alpha(image):
    return np.dstack([image, np.full(image.shape[:2], 7, np.uint8)])


CASES = {
    "rgb8": (colours(), 0),
    "bgr8": (colours()[..., ::-1], 0),
    "rgba8": (with_alpha(colours()), 0),
    "bgra8": (with_alpha(colours()[..., ::-1]), 0),
    "rgb16": (colours().astype(np.uint16) * 257, 0),
    "bgr16": (colours()[..., ::-1].astype(np.uint16) * 257, 0),
    "bayer_rggb8": (mosaic("rggb"), 0),
    "bayer_bggr8": (mosaic("bggr"), 0),
    "bayer_gbrg8": (mosaic("gbrg"), 0),
    "bayer_grbg8": (mosaic("grbg"), 0),
    "bayer_rggb16": (mosaic("rggb").astype(np.uint16) * 257, 0),
    "yuv422": (cv2.cvtColor(colours(), cv2.COLOR_RGB2YUV_UYVY), 4),
    "uyvy": (cv2.cvtColor(colours(), cv2.COLOR_RGB2YUV_UYVY), 4),
    "yuv422_yuy2": (cv2.cvtColor(colours(), cv2.COLOR_RGB2YUV_YUY2), 4),
    "yuyv": (cv2.cvtColor(colours(), cv2.COLOR_RGB2YUV_YUY2), 4),
}
# Demosaicing and subsampled chroma blur edges; compare away from them.
INNER = (slice(4, -4), np.r_[4 : WIDTH // 2 - 4, WIDTH // 2 + 4 : WIDTH - 4])


@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("encoding", CASES)
def test_colours_come_out_right(encoding, padding):
    pixels, tolerance = CASES[encoding]
    image = image_to_rgb(message(encoding, pixels, padding - padding % pixels.itemsize))
    assert image.dtype == np.uint8 and image.shape == (HEIGHT, WIDTH, 3)
    assert image.flags.c_contiguous
    difference = np.abs(image.astype(int) - colours())[INNER[0]][:, INNER[1]]
    assert difference.max() <= tolerance


@pytest.mark.parametrize(("encoding", "kind"), [("mono8", np.uint8), ("mono16", np.uint16)])
def test_grey_becomes_three_equal_channels(encoding, kind):
    grey = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 256
    scale = 257 if kind == np.uint16 else 1
    image = image_to_rgb(message(encoding, (grey * scale).astype(kind), 4))
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))


@pytest.mark.parametrize("bigendian", [0, 1])
@pytest.mark.parametrize(
    ("encoding", "kind"), [("16UC1", "u2"), ("32FC1", "f4"), ("mono16", "u2")]
)
def test_depth_keeps_its_numbers(encoding, kind, bigendian):
    depth = (np.random.default_rng(0).random((HEIGHT, WIDTH)) * 5000).astype(kind)
    pixels = depth.astype((">" if bigendian else "<") + kind)
    result = image_to_array(message(encoding, pixels, 12, bigendian))
    np.testing.assert_array_equal(result, depth)
    assert result.dtype.isnative


def test_rgb_is_not_copied_before_it_is_wanted():
    source = message("rgb8", colours())
    assert np.shares_memory(image_to_array(source), np.frombuffer(source.data, np.uint8))


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1", "8UC2"])
def test_what_has_no_colour_is_refused(encoding):
    pixels = np.zeros((HEIGHT, WIDTH), {"16UC1": "u2", "32FC1": "f4", "8UC2": "u2"}[encoding])
    with pytest.raises(UserError, match=f"encoding '{encoding}' has no colour"):
        image_to_rgb(message(encoding, pixels))


def test_broken_messages_are_refused():
    with pytest.raises(UserError, match="encoding 'h264' is not understood"):
        image_to_rgb(message("h264", colours()))
    short = message("rgb8", colours())
    short.data = short.data[:-1]
    with pytest.raises(UserError, match=f"{HEIGHT * WIDTH * 3 - 1} bytes, expected a step of"):
        image_to_rgb(short)
    narrow = message("rgb8", colours())
    narrow.step -= 1
    with pytest.raises(UserError, match="has step 143"):
        image_to_rgb(narrow)
    empty = message("rgb8", colours())
    empty.height = 0
    with pytest.raises(UserError, match="48x0"):
        image_to_rgb(empty)


@pytest.mark.parametrize(("kind", "tolerance"), [(".png", 0), (".jpg", 12)])
def test_compressed_pictures(kind, tolerance):
    _, data = cv2.imencode(kind, cv2.cvtColor(colours(), cv2.COLOR_RGB2BGR))
    compressed = SimpleNamespace(
        format="rgb8; jpeg compressed bgr8", data=array.array("B", data.tobytes())
    )
    difference = np.abs(compressed_to_rgb(compressed).astype(int) - colours())[INNER[0]][
        :, INNER[1]
    ]
    assert difference.max() <= tolerance


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_compressed_rubbish_is_refused(data):
    broken = SimpleNamespace(format="jpeg", data=array.array("B", data))
    with pytest.raises(
        UserError, match=f"of {len(data)} bytes with format 'jpeg' does not decode"
    ):
        compressed_to_rgb(broken)
