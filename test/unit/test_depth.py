"""Depth becomes grey by the range of the robot file, or nothing at all."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.cameras.catalog import message_to_rgb
from groot_ros.cameras.depth import depth_to_rgb
from groot_ros.errors import UserError
from groot_ros.robot.camera_stream import CameraStream

# In m: nearer than the range, its ends and its middle, further, and nothing measured.
DEPTHS = np.array([[0.1, 0.2, 0.7], [1.2, 9.0, 0.0]])
GREYS = np.array([[1, 1, 128], [255, 255, 0]])
RANGE = (0.2, 1.2)


def picture(message: SimpleNamespace, depth_range_m: tuple[float, float] | None) -> np.ndarray:
    camera = CameraStream("/camera", "image", False, depth_range_m=depth_range_m)
    return message_to_rgb(message, camera)


def image(encoding: str, pixels: np.ndarray, bigendian: int = 0) -> SimpleNamespace:
    stored = pixels.astype(pixels.dtype.newbyteorder(">" if bigendian else "<"))
    return SimpleNamespace(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=bigendian,
        step=pixels.shape[1] * pixels.itemsize,
        data=stored.tobytes(),
    )


def millimetres() -> np.ndarray:
    return np.rint(DEPTHS * 1000).astype(np.uint16)


def png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()


def quantized() -> bytes:
    """Floating depth as compressed_depth_image_transport sends it: a / z + b, 0 for none."""
    a, b = 100.0, -5.0
    numbers = np.where(DEPTHS > 0, a / np.where(DEPTHS > 0, DEPTHS, 1) + b, 0)
    return struct.pack("<iff", 0, a, b) + png(np.rint(numbers).astype(np.uint16))


MESSAGES = {
    "16UC1": image("16UC1", millimetres()),
    "16UC1 bigendian": image("16UC1", millimetres(), bigendian=1),
    "mono16": image("mono16", millimetres()),
    "32FC1": image("32FC1", np.where(DEPTHS > 0, DEPTHS, np.nan).astype(np.float32)),
    "64FC1": image("64FC1", np.where(DEPTHS > 0, DEPTHS, np.inf)),
    "png": SimpleNamespace(format="16UC1; png compressed", data=png(millimetres())),
    "compressedDepth": SimpleNamespace(
        format="16UC1; compressedDepth png", data=bytes(12) + png(millimetres())
    ),
    "floating compressedDepth": SimpleNamespace(
        format="32FC1; compressedDepth png", data=quantized()
    ),
}


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_depth_is_grey_in_its_range(message: SimpleNamespace) -> None:
    found = picture(message, RANGE)
    assert found.dtype == np.uint8 and found.shape == (2, 3, 3)
    assert np.all(found == found[..., :1])
    # The numbers of a floating compressedDepth are whole, those here a hundredth of the range.
    tolerance = 2 if message is MESSAGES["floating compressedDepth"] else 0
    np.testing.assert_allclose(found[..., 0], GREYS, atol=tolerance)


@pytest.mark.parametrize("message", MESSAGES.values(), ids=MESSAGES)
def test_without_a_range_the_refusal_names_the_key(message: SimpleNamespace) -> None:
    with pytest.raises(UserError, match=r"set depth_range: \[NEAR, FAR\]"):
        picture(message, None)


@pytest.mark.parametrize(
    "message",
    [
        image("mono8", np.zeros((2, 3), np.uint8)),
        image("nv12", np.zeros((3, 2), np.uint8)),
        SimpleNamespace(
            format="jpeg", data=cv2.imencode(".jpg", np.zeros((2, 3, 3), np.uint8))[1]
        ),
    ],
    ids=["mono8", "nv12", "jpeg"],
)
def test_a_range_for_what_is_no_depth_is_refused(message: SimpleNamespace) -> None:
    with pytest.raises(UserError, match="is no depth: take depth_range away"):
        picture(message, RANGE)


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("16UC1; compressedDepth rvl", bytes(40)),
        ("16UC1; compressedDepth png", b""),
        ("16UC1; compressedDepth png", bytes(40)),
        ("16UC1; compressedDepth png", bytes(12) + png(np.zeros((2, 3, 3), np.uint8))),
    ],
    ids=["rvl", "empty", "rubbish", "colour"],
)
def test_what_does_not_decode_is_refused(form: str, data: bytes) -> None:
    with pytest.raises(UserError, match="does not decode, expected PNG"):
        picture(SimpleNamespace(format=form, data=data), RANGE)


@given(
    st.lists(st.floats(0, 20, width=32) | st.sampled_from([np.nan, np.inf, -np.inf]), min_size=2),
    st.floats(0, 5),
    st.floats(0.01, 5),
)
def test_further_is_never_darker(depths: list[float], near_m: float, span_m: float) -> None:
    values = np.sort(np.array([depths], np.float32))
    grey = depth_to_rgb(values, (near_m, near_m + span_m), "x")[0, :, 0].astype(int)
    measured = np.isfinite(values[0]) & (values[0] > 0)
    assert np.all(grey[~measured] == 0) and np.all(grey[measured] >= 1)
    assert np.all(np.diff(grey[measured]) >= 0)
