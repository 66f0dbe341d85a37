"""A film of a run: where the hand is, large, beside what both cameras see, and the chunks."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from groot_ros.chunks.chunk import Chunk
from groot_ros.demo.mp4 import Image, write_mp4
from groot_ros.demo.trace import Picture, PublishedChunk, Trace
from groot_ros.signals.kinds import CLOSURE
from groot_ros.signals.signals import EE_POSE
from groot_ros.sim.scene import EXTERIOR_CAMERA

Size = tuple[int, int]
Part = tuple[tuple[float, float], tuple[float, float]]

LARGE, SMALL, BAR_HEIGHT = (640, 480), (320, 240), 40
# Parts of a picture, from corner to corner; the second one holds the hand and the cubes.
WHOLE: Part = ((0.0, 0.0), (1.0, 1.0))
ZOOM: Part = ((0.25, 0.25), (1.0, 1.0))
WIDTH, HEIGHT = LARGE[0] + SMALL[0], LARGE[1] + BAR_HEIGHT
FILM_VIEWS = (
    ("exterior", (0, BAR_HEIGHT), LARGE, ZOOM),
    ("exterior", (LARGE[0], BAR_HEIGHT), SMALL, WHOLE),
    ("wrist", (LARGE[0], BAR_HEIGHT + SMALL[1]), SMALL, WHOLE),
)
"""Of which camera, where in the film and how large in pixels, and which part of the picture."""
PENDING, PASSED, GRIPPING = (40, 120, 255), (150, 150, 150), (255, 80, 40)
TEXT, BAR, DONE = (240, 240, 240), (30, 33, 40), (46, 160, 67)


def write_film(trace: Trace, path: Path) -> None:
    """Write an MP4 as fast as the run was; the frames are those of the exterior camera."""
    stamps_ns = [picture.stamp_ns for picture in trace.pictures.get("exterior", [])]
    write_mp4(zip(stamps_ns, frames(trace), strict=True), (WIDTH, HEIGHT), path)


def frames(trace: Trace) -> Iterator[Image]:
    """Frames (H, W, 3) uint8 RGB of the film."""
    exterior, wrist = trace.pictures.get("exterior", []), trace.pictures.get("wrist", [])
    wrist_stamps = [picture.stamp_ns for picture in wrist]
    published = [chunk.published_ns for chunk in trace.chunks]
    for picture in exterior:
        newest = bisect.bisect_right(published, picture.stamp_ns) - 1
        chunk = trace.chunks[newest] if newest >= 0 else None
        nearest = max(0, bisect.bisect_right(wrist_stamps, picture.stamp_ns) - 1)
        small = _exterior_view(
            picture.image, SMALL, part=WHOLE, published=chunk, time_ns=picture.stamp_ns
        )
        hand = _scaled(wrist[nearest].image, SMALL) if wrist else np.zeros_like(small)
        large = _exterior_view(
            picture.image, LARGE, part=ZOOM, published=chunk, time_ns=picture.stamp_ns
        )
        views = np.hstack([large, np.vstack([small, hand])])
        yield np.vstack([_bar(trace, picture, exterior[0]), views])


def _scaled(image: Image, size: Size) -> Image:
    return np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC))


def _exterior_view(
    image: Image, size: Size, part: Part, published: PublishedChunk | None, time_ns: int
) -> Image:
    """A part of the exterior picture, with a chunk drawn into it."""
    height, width = image.shape[:2]
    (left, top), (right, bottom) = np.round(np.array(part) * (width, height)).astype(int)
    view = _scaled(image[top:bottom, left:right], size)
    poses = published.chunk.signals.get(EE_POSE.name) if published else None
    if published and poses is not None:
        points = EXTERIOR_CAMERA.project(poses[:, :3], width, height)
        pixels = (points - (left, top)) * size / (right - left, bottom - top)
        _draw_chunk(view, published.chunk, np.round(pixels).astype(int).tolist(), time_ns)
    return view


def _draw_chunk(view: Image, chunk: Chunk, pixels: list[list[int]], time_ns: int) -> None:
    """A line through the steps, grey where passed, a dot per step, red where it grips."""
    passed, closures = chunk.passed_steps(time_ns), chunk.signals.first(CLOSURE)
    for step in range(len(chunk)):
        closing = closures is not None and closures[step] > 0.5
        color = PASSED if step < passed else GRIPPING if closing else PENDING
        if step:
            cv2.line(view, pixels[step - 1], pixels[step], color, 2, cv2.LINE_AA)
        cv2.circle(view, pixels[step], 3, color, cv2.FILLED, cv2.LINE_AA)


def _bar(trace: Trace, picture: Picture, first: Picture) -> Image:
    is_done = trace.succeeded_ns is not None and picture.stamp_ns >= trace.succeeded_ns
    bar = np.full((BAR_HEIGHT, WIDTH, 3), DONE if is_done else BAR, np.uint8)
    seconds = (picture.stamp_ns - first.stamp_ns) / 1e9
    text = f"{trace.policy}   '{trace.instruction}'   {seconds:4.1f} s{'   done' * is_done}"
    cv2.putText(bar, text, (12, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.55, TEXT, 1, cv2.LINE_AA)
    return bar
