"""Frames of videos in every container are found by their numbers."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from groot_ros.data.datasets.clips import Clip
from groot_ros.data.datasets.video import Picture, read_video_info
from groot_ros.data.datasets.video_cuts import cut_video
from groot_ros.training.data.frames import VideoReader

FRAMES, FPS, STEP = 30, 30, 8
B_FRAMES = {"bf": "2", "g": "10"}
MPEG = {**B_FRAMES, "qmin": "1", "qmax": "2"}
VIDEOS = {
    "video.mp4": ("libx264", {"bf": "3", "g": "10"}),
    # Pictures behind its key frames are shown before them.
    "video.mov": ("mpeg4", MPEG),
    "video.mkv": ("libx264", B_FRAMES),
    "video.webm": ("libvpx-vp9", {"deadline": "realtime"}),
    # Without times: what libavformat takes for them is out of order, or does not begin at 0.
    "video.avi": ("libx264", B_FRAMES),
    "mpeg4.avi": ("mpeg4", MPEG),
    "jpeg.avi": ("mjpeg", {"qmin": "1", "qmax": "3"}),
    "video.mpg": ("mpeg2video", MPEG),
    "video.ts": ("libx264", B_FRAMES),
}


def write(path: Path, encoder: str, options: dict[str, str]) -> Path:
    """Grey frames, each brighter than the last."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=FPS, options=dict(options))
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if encoder == "mjpeg" else "yuv420p"
        for index in range(FRAMES):
            grey = np.full((48, 64, 3), STEP * index, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbers(pictures: list[Picture]) -> list[int]:
    """Which frames they are, by their brightness."""
    return [round(float(np.median(picture)) / STEP) for picture in pictures]


@pytest.mark.parametrize("name", VIDEOS)
def test_frames_are_found_by_their_numbers(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, *VIDEOS[name])
    clip, part = Clip(path, 0, FRAMES, FPS), Clip(path, 13, 9, FPS)
    info = read_video_info(path)
    np.testing.assert_allclose(info.times_s, np.arange(FRAMES) / FPS, atol=1e-3)
    assert numbers(list(clip)) == list(range(FRAMES))
    assert numbers(list(part)) == list(range(13, 22))
    shuffled = random.Random(0).sample(range(FRAMES), FRAMES)
    assert numbers(clip.chosen(shuffled[:8])) == shuffled[:8]
    reader = VideoReader(kept_bytes=1)
    assert numbers([reader.frame(clip, index) for index in shuffled]) == shuffled
    cut_video(part, target := tmp_path / "cut.mp4")
    assert numbers(list(Clip(target, 0, 9, FPS))) == list(range(13, 22))
