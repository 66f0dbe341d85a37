"""The film of a trial on a robot: what its cameras saw, beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Pictures = Mapping[str, NDArray[np.uint8]]
HEIGHT = 240


def write_trial_film(moments: Sequence[Pictures], rate_hz: int, path: Path) -> None:
    """Write an MP4 of pictures (H, W, 3) RGB by camera, `rate_hz` of these in a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.mp4")
    frames = [_frame(pictures) for pictures in moments]
    height, width = frames[0].shape[:2]
    with av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate_hz, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            same = np.asarray(cv2.resize(frame, (width, height)), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(same, format="rgb24")))
        container.mux(stream.encode())
    part.replace(path)


def _frame(pictures: Pictures) -> NDArray[np.uint8]:
    """Side by side, as high as each other; the width is even, as H.264 wants it."""
    views = [
        cv2.resize(picture, (round(picture.shape[1] * HEIGHT / picture.shape[0]), HEIGHT))
        for picture in pictures.values()
    ]
    frame = np.hstack(views)
    return np.ascontiguousarray(frame[:, : frame.shape[1] // 2 * 2])
