"""cv_bridge, where it is installed, beside our own reading of the same pictures."""

from __future__ import annotations

import sys
from logging.handlers import BufferingHandler
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from groot_ros.cameras import cv_bridge_image
from groot_ros.cameras.cv_bridge_image import (
    EQUAL,
    find_cv_bridge,
    is_read_equally,
    read_by_cv_bridge,
)
from groot_ros.cameras.raw_image import _to_rgb, image_to_rgb


def image(encoding, height=48, width=64, padding=0, bigendian=0):
    """An Image of noise."""
    step = EQUAL.get(encoding, 2) * width + padding
    data = np.random.default_rng(7).integers(0, 256, height * step, dtype=np.uint8)
    return SimpleNamespace(
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=bigendian,
        step=step,
        data=data,
    )


@pytest.mark.skipif(find_cv_bridge(_to_rgb) is None, reason="no cv_bridge that works is installed")
@pytest.mark.parametrize("encoding", EQUAL)
@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63), (1, 1), (2, 3), (480, 640)])
def test_both_read_the_same_picture(encoding, height, width):
    message = image(encoding, height, width)
    theirs = find_cv_bridge(_to_rgb)(message, "rgb8")
    np.testing.assert_array_equal(theirs, _to_rgb(message))
    np.testing.assert_array_equal(theirs, image_to_rgb(message))


class Swapped:
    """A cv_bridge that takes blue for red."""

    def imgmsg_to_cv2(self, message, encoding):
        assert encoding == "rgb8"
        return _to_rgb(message)[..., ::-1]


class Broken:
    """A cv_bridge whose part in C++ does not load."""

    def imgmsg_to_cv2(self, message, encoding):
        raise ImportError("numpy.core.multiarray failed to import")


@pytest.mark.parametrize(
    ("bridge", "words"), [(Swapped, "reads rgb8 as another picture"), (Broken, "multiarray")]
)
def test_one_that_reads_otherwise_is_told_and_not_used(monkeypatch, bridge, words):
    told = BufferingHandler(10)
    # Not by the root, which launch replaces.
    monkeypatch.setattr(cv_bridge_image.logger, "handlers", [told])
    module = ModuleType("cv_bridge")
    module.CvBridge = bridge
    monkeypatch.setitem(sys.modules, "cv_bridge", module)

    def own(message):
        return _to_rgb(message)

    assert find_cv_bridge(own) is None
    [warning] = [record.getMessage() for record in told.buffer]
    assert words in warning and "pictures are read without it" in warning
    assert read_by_cv_bridge(image("rgb8"), own) is None


@pytest.mark.parametrize(
    "message",
    [
        image("rgb8", padding=1),
        image("rgb8", padding=3),
        image("mono8", padding=64),
        image("rgb8", bigendian=1),
        image("uyvy"),
        image("yuv422"),
        image("8UC2"),
        image("rgb8", height=0),
        image("rgb8", width=0),
        SimpleNamespace(**{**vars(image("bgr8")), "data": b"cut off"}),
    ],
)
def test_what_it_may_read_otherwise_is_not_left_to_it(message):
    assert is_read_equally(image("rgb8")) and not is_read_equally(message)
