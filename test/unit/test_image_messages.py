"""Pictures out of messages: every encoding, padded rows, both byte orders."""

from __future__ import annotations

import array
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from groot_ros.cameras import catalog
from groot_ros.cameras.raw_image import image_to_array, image_to_rgb
from groot_ros.errors import UserError
from groot_ros.robot.camera_stream import CameraStream

HEIGHT, WIDTH = 32, 48


def message_to_rgb(source, encoding="", depth_range_m=None):
    """As the node and the converter decode it, by the keys of its camera."""
    camera = CameraStream("/camera", "image", False, encoding, depth_range_m=depth_range_m)
    return catalog.message_to_rgb(source, camera)


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
    "bayer_rggb8": (mosaic("rggb"), 0),
    "bayer_bggr8": (mosaic("bggr"), 0),
    "bayer_gbrg8": (mosaic("gbrg"), 0),
    "bayer_grbg8": (mosaic("grbg"), 0),
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


def test_grey_becomes_three_equal_channels():
    grey = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 256).astype(np.uint8)
    image = message_to_rgb(message("mono8", grey, 4))
    np.testing.assert_array_equal(image, np.repeat(grey[..., None], 3, axis=2))


RED = (200, 60, 10)


def yuv(height, width):
    """Luma and chroma values of a picture that is red all over."""
    planes = cv2.cvtColor(np.full((2, 2, 3), RED, np.uint8), cv2.COLOR_RGB2YUV_I420).ravel()
    luma, (u, v) = np.full((height, width), planes[0], np.uint8), planes[4:6]
    return luma, u, v


def yuv420(encoding, height, width, padding):
    """An Image message; rows of all planes end in noise."""
    luma, u, v = yuv(height, width)
    rows, columns = (height + 1) // 2, (width + 1) // 2
    step = 2 * columns + padding
    if encoding in ("nv12", "nv21"):
        pair = (u, v) if encoding == "nv12" else (v, u)
        planes = [np.tile(np.array(pair, np.uint8), (rows, columns))]
    else:
        planes = [np.full((rows, columns), value, np.uint8) for value in (u, v)]
    chroma_step = step if len(planes) == 1 else step // 2
    parts = [(luma, step), *((plane, chroma_step) for plane in planes)]
    padded = [
        np.pad(part, ((0, 0), (0, to - part.shape[1])), constant_values=255).ravel()
        for part, to in parts
    ]
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=step,
        data=array.array("B", np.concatenate(padded).tobytes()),
    )


@pytest.mark.parametrize("padding", [0, 6])
@pytest.mark.parametrize(("height", "width"), [(32, 48), (31, 47), (5, 3)])
@pytest.mark.parametrize("encoding", ["nv12", "nv21", "yuv420", "i420"])
def test_red_stays_red_in_yuv_420(encoding, height, width, padding):
    image = message_to_rgb(yuv420(encoding, height, width, padding))
    assert image.dtype == np.uint8 and image.shape == (height, width, 3)
    assert np.abs(image.astype(int) - RED).max() <= 4


@pytest.mark.parametrize("encoding", ["nv12", "yuv420"])
def test_short_yuv_420_is_refused(encoding):
    short = yuv420(encoding, 32, 48, 0)
    short.data = short.data[:-1]
    with pytest.raises(UserError, match=f"48x32 {encoding} has step 48 and 2303 bytes"):
        message_to_rgb(short)


@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("encoding", ["uyvy", "yuyv"])
def test_red_stays_red_to_the_end_of_odd_rows(encoding, padding):
    luma, u, v = yuv(7, 9)
    chroma = np.where(np.arange(9) % 2, v, u) * np.ones((7, 1), np.uint8)
    pair = (chroma, luma) if encoding == "uyvy" else (luma, chroma)
    image = message_to_rgb(message(encoding, np.dstack(pair).astype(np.uint8), padding))
    assert image.shape == (7, 9, 3) and np.abs(image.astype(int) - RED).max() <= 4


@pytest.mark.parametrize(("meant", "order"), [("rgb8", 1), ("bgr8", -1)])
def test_three_channels_without_names_need_the_cameras_encoding(meant, order):
    source = message("8UC3", colours()[..., ::order], 7)
    np.testing.assert_array_equal(message_to_rgb(source, meant), colours())
    with pytest.raises(UserError, match="set encoding: bgr8 or encoding: rgb8 at the camera"):
        message_to_rgb(source)


@pytest.mark.parametrize(
    ("encoding", "channels"), [("rgb16", 3), ("bgra16", 4), ("bayer_rggb16", 1)]
)
def test_sixteen_bits_are_refused(encoding, channels):
    pixels = np.zeros((HEIGHT, WIDTH, channels), np.uint16)
    with pytest.raises(UserError, match=f"{encoding}' has more than 8 bits a channel"):
        message_to_rgb(message(encoding, pixels))


def test_compressed_sixteen_bits_are_refused():
    _, data = cv2.imencode(".png", np.full((HEIGHT, WIDTH, 3), 40000, np.uint16))
    compressed = SimpleNamespace(format="rgb16; png compressed", data=data.ravel())
    with pytest.raises(UserError, match="format 'rgb16; png compressed' has more than 8 bits"):
        message_to_rgb(compressed)


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


def test_what_has_no_colour_is_refused():
    with pytest.raises(UserError, match="encoding '8UC2' has no colour"):
        image_to_rgb(message("8UC2", np.zeros((HEIGHT, WIDTH), "u2")))


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
    difference = np.abs(message_to_rgb(compressed).astype(int) - colours())[INNER[0]][:, INNER[1]]
    assert difference.max() <= tolerance


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_compressed_rubbish_is_refused(data):
    broken = SimpleNamespace(format="jpeg", data=array.array("B", data))
    with pytest.raises(
        UserError, match=f"of {len(data)} bytes with format 'jpeg' does not decode"
    ):
        message_to_rgb(broken)
