"""Fitting pictures into the size that a codec promises."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage

Picture = NDArray[np.uint8]


def fit(image: Picture, width: int, height: int, how: str) -> Picture:
    """Picture (H, W, 3) scaled to (height, width, 3), bilinear, in one of the ways of `FITS`."""
    if image.shape[:2] == (height, width):
        return image
    return FITS[how](image, width, height)


def pad(image: Picture, width: int, height: int) -> Picture:
    """The picture (H, W, 3) scaled to (height, width, 3) with its aspect kept, and black borders.

    The longer side fits, the shorter one is cut to whole pixels as the resize_with_pad of openpi
    and Positronic does, so that 848 x 480 becomes 224 x 126 and not 127.
    """
    source_height, source_width = image.shape[:2]
    ratio = max(source_width / width, source_height / height)
    inner = (max(1, int(source_width / ratio)), max(1, int(source_height / ratio)))
    padded = np.zeros((height, width, 3), dtype=np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    padded[top : top + inner[1], left : left + inner[0]] = stretch(image, *inner)
    return padded


def crop(image: Picture, width: int, height: int) -> Picture:
    """The picture (H, W, 3) scaled to (height, width, 3) with its aspect kept, and the longer side
    cut at both ends."""
    source_height, source_width = image.shape[:2]
    ratio = min(source_width / width, source_height / height)
    kept = (max(1, int(width * ratio)), max(1, int(height * ratio)))
    left, top = (source_width - kept[0]) // 2, (source_height - kept[1]) // 2
    return stretch(image[top : top + kept[1], left : left + kept[0]], width, height)


def stretch(image: Picture, width: int, height: int) -> Picture:
    """The whole picture (H, W, 3) scaled to (height, width, 3), with its aspect changed."""
    resized = PilImage.fromarray(image).resize((width, height), PilImage.Resampling.BILINEAR)
    return np.asarray(resized)


FITS = {"pad": pad, "crop": crop, "stretch": stretch}
