"""A test pattern for a camera that is not there: it moves, and says which camera it stands for."""

from __future__ import annotations

import cv2
import numpy as np

from groot_ros.observation.types import Image

BARS_RGB = (
    (235, 235, 235),
    (235, 235, 16),
    (16, 235, 235),
    (16, 235, 16),
    (235, 16, 235),
    (235, 16, 16),
    (16, 16, 235),
)
LOWER = 0.7
"""Share of the height that the bars take; the words stand below."""
SWEEP_S = 2.0
FONT = cv2.FONT_HERSHEY_SIMPLEX
WHITE, GREY = (235, 235, 235), 40


class Pattern:
    """Color bars, a marker that crosses them every two seconds, the camera's name and the time."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._bars = round(height * LOWER)
        self._still = np.full((height, width, 3), GREY, np.uint8)
        edges = np.linspace(0, width, len(BARS_RGB) + 1).astype(int)
        for color, left, right in zip(BARS_RGB, edges[:-1], edges[1:], strict=True):
            self._still[: self._bars, left:right] = color
        self._write(self._still, f"camera {name}, fake", 0.45)

    def _write(self, picture: Image, words: str, line: float) -> None:
        """Words in the lower part, their baseline at a share of its height."""
        room = self._height - self._bars
        scale = room / 90
        (length, _), _ = cv2.getTextSize(words, FONT, scale, 1)
        scale *= min(1.0, 0.92 * self._width / length)
        place = (round(0.04 * self._width), self._bars + round(line * room))
        thickness = max(1, round(2 * scale))
        cv2.putText(picture, words, place, FONT, scale, WHITE, thickness, cv2.LINE_AA)

    def picture(self, time_s: float) -> Image:
        """The pattern (H, W, 3) RGB at a time; no two times look the same."""
        picture = self._still.copy()
        radius = max(2, self._bars // 8)
        across = abs(time_s / SWEEP_S % 2.0 - 1.0)
        center = (round(radius + across * (self._width - 2 * radius)), self._bars // 2)
        cv2.circle(picture, center, radius, (0, 0, 0), -1, cv2.LINE_AA)
        self._write(picture, f"{time_s:.3f} s", 0.9)
        return picture
