"""Which frame of a video is which: by its time, or counted where the file holds no times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av

# Containers that hold when every frame is shown, from zero on. In others (AVI, MPEG, bare
# streams) libavformat guesses it from the order of packets, which with B-frames is not the order
# of pictures, or counts from some other time.
TIMED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
# Of the time until the next frame: a key frame that is sought is not missed by a rounding.
WITHIN = 0.25
# So many frames may be sent before one that is shown sooner, in H.264 and H.265.
REORDERED = 16


def is_timed(container: Any) -> bool:
    """Whether an open video holds the times of its frames, so that it can be searched by them."""
    return container.format.name in TIMED


def seek_to(container: Any, stream: Any, number: int, fps: float) -> None:
    """Search an open video with times: on with a key frame at or before frame `number`.

    `fps` is in frames per second. By decoding time, as libavformat does it.
    """
    target_s = (number + WITHIN) / fps if number else 0.0
    container.seek(int(target_s / stream.time_base), stream=stream)


def frames_from(
    container: Any, stream: Any, first: int, fps: float
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames of an open video with their numbers, from a key frame at or before `first` on.

    `fps` is in frames per second. A video without times is decoded from its beginning.
    """
    if not is_timed(container):
        container.seek(0, stream=stream)
        yield from enumerate(container.decode(stream))
        return
    for begun in (first, max(first - REORDERED, 0), 0):
        seek_to(container, stream, begun, fps)
        frames = _timed(container.decode(stream), fps)
        found = next(frames, None)
        # Pictures that are sent behind a key frame and shown before it cannot be had from it.
        if found is None or (found[0] > first and begun):
            continue
        yield found
        yield from frames
        return


def _timed(frames: Iterator[Any], fps: float) -> Iterator[tuple[int, av.VideoFrame]]:
    return ((round(frame.time * fps), frame) for frame in frames if frame.time is not None)
