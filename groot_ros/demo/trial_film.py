"""The film of a trial on a robot: what its cameras saw, beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from groot_ros.demo.mp4 import Image, Moment, write_mp4

HEIGHT = 240


def film_frame(pictures: Mapping[str, Image]) -> Image:
    """Pictures (H, W, 3) RGB by camera side by side, all `HEIGHT` high: small enough to keep those
    of a whole trial. The width is even, as H.264 wants it."""
    views = [
        cv2.resize(picture, (round(picture.shape[1] * HEIGHT / picture.shape[0]), HEIGHT))
        for picture in pictures.values()
    ]
    frame = np.hstack(views)
    return np.ascontiguousarray(frame[:, : frame.shape[1] // 2 * 2])


def write_trial_film(moments: Sequence[Moment], path: Path) -> None:
    """Write an MP4 of frames of `film_frame`, as wide as the first one: a camera may come late."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = moments[0][1].shape[:2]
    size = (width, height)
    same = ((stamp, np.asarray(cv2.resize(frame, size), np.uint8)) for stamp, frame in moments)
    write_mp4(same, size, path)
