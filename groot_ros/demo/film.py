"""A film of a run: the cameras side by side, the newest chunk drawn into the exterior view."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.demo.trace import Picture, PublishedChunk, Trace
from groot_ros.sim.scene import EXTERIOR_CAMERA

Image = NDArray[np.uint8]

VIEW_WIDTH, VIEW_HEIGHT, BAR_HEIGHT = 480, 360, 40
FRAME_RATE = 15
PENDING, PASSED, GRIPPING = (40, 120, 255), (150, 150, 150), (255, 80, 40)
TEXT, BAR = (240, 240, 240), (30, 33, 40)


def write_film(trace: Trace, path: Path) -> None:
    """Write an MP4; the frames are those of the exterior camera."""
    part = path.with_suffix(".part.mp4")
    with av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options={"crf": "23"})
        stream.width, stream.height = 2 * VIEW_WIDTH, VIEW_HEIGHT + BAR_HEIGHT
        stream.pix_fmt = "yuv420p"
        for index, image in enumerate(frames(trace)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FRAME_RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    part.replace(path)


def frames(trace: Trace) -> Iterator[Image]:
    """Frames (H, W, 3) uint8 RGB of the film."""
    exterior, wrist = trace.pictures.get("exterior", []), trace.pictures.get("wrist", [])
    wrist_stamps = [picture.stamp_ns for picture in wrist]
    published = [chunk.published_ns for chunk in trace.chunks]
    for picture in exterior:
        left = _scaled(picture.image)
        newest = bisect.bisect_right(published, picture.stamp_ns) - 1
        if newest >= 0:
            _draw_chunk(left, trace.chunks[newest], picture.stamp_ns)
        nearest = max(0, bisect.bisect_right(wrist_stamps, picture.stamp_ns) - 1)
        right = _scaled(wrist[nearest].image) if wrist else np.zeros_like(left)
        yield np.vstack([_bar(trace, picture, exterior[0]), np.hstack([left, right])])


def _scaled(image: Image) -> Image:
    size = (VIEW_WIDTH, VIEW_HEIGHT)
    return np.ascontiguousarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC))


def _draw_chunk(image: Image, published: PublishedChunk, time_ns: int) -> None:
    """A line through the steps, grey where passed, a dot per step, filled where it grips."""
    chunk = published.chunk
    if chunk.ee_pose is None:
        return
    points = EXTERIOR_CAMERA.project(chunk.ee_pose[:, :3], VIEW_WIDTH, VIEW_HEIGHT)
    pixels = np.round(points).astype(int)
    passed = chunk.passed_steps(time_ns)
    for step in range(len(chunk)):
        closing = chunk.grip is not None and chunk.grip[step] > 0.5
        color = PASSED if step < passed else GRIPPING if closing else PENDING
        if step:
            cv2.line(
                image, pixels[step - 1].tolist(), pixels[step].tolist(), color, 2, cv2.LINE_AA
            )
        cv2.circle(image, pixels[step].tolist(), 3, color, cv2.FILLED, cv2.LINE_AA)


def _bar(trace: Trace, picture: Picture, first: Picture) -> Image:
    bar = np.full((BAR_HEIGHT, 2 * VIEW_WIDTH, 3), BAR, np.uint8)
    seconds = (picture.stamp_ns - first.stamp_ns) / 1e9
    text = f"{trace.policy}   '{trace.instruction}'   {seconds:4.1f} s"
    cv2.putText(bar, text, (12, 26), cv2.FONT_HERSHEY_SIMPLEX, 0.55, TEXT, 1, cv2.LINE_AA)
    return bar
