"""Pictures with their times as a film."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Moment = tuple[int, Image]
"""Stamp in ns and picture (H, W, 3) uint8 RGB."""

FRAME_RATE = 15
TICK_S = Fraction(1, 1000)


def write_mp4(moments: Iterable[Moment], size: tuple[int, int], path: Path) -> None:
    """Write an MP4 as fast as the run was, of pictures that all have a size (width, height)."""
    part = path.with_suffix(".part.mp4")
    with av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options={"crf": "23"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = TICK_S
        first_ns, newest = None, -1
        for stamp_ns, image in moments:
            first_ns = stamp_ns if first_ns is None else first_ns
            pts = round((stamp_ns - first_ns) / 1e9 / TICK_S)
            # On a busy machine pictures can come within a tick, or late.
            if pts <= newest:
                continue
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.time_base, frame.pts, newest = TICK_S, pts, pts
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    part.replace(path)
