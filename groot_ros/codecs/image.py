"""Fitting pictures into the size that a codec promises."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage


def resize_with_pad(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Picture (H, W, 3) scaled to fit (height, width, 3): aspect kept, padded black, bilinear."""
    source_height, source_width = image.shape[:2]
    if (source_height, source_width) == (height, width):
        return image
    scale = min(width / source_width, height / source_height)
    inner = (max(1, round(source_width * scale)), max(1, round(source_height * scale)))
    resized = PilImage.fromarray(image).resize(inner, PilImage.Resampling.BILINEAR)
    padded = np.zeros((height, width, 3), dtype=np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    padded[top : top + inner[1], left : left + inner[0]] = np.asarray(resized)
    return padded
