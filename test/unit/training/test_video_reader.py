from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from groot_ros.data.datasets.clips import Clip
from groot_ros.data.datasets.video import VideoWriter
from groot_ros.errors import UserError
from groot_ros.training.data.frames import VideoReader


@pytest.fixture
def video(tmp_path: Path) -> Clip:
    path = tmp_path / "video.mp4"
    writer = VideoWriter(path, 15, 64, 64)
    for index in range(23):
        writer.write(np.full((64, 64, 3), 10 * index, np.uint8))
    writer.close()
    return Clip(path, 0, 23, 15)


def test_any_order_gives_the_same_frames_as_reading_all(video: Clip) -> None:
    expected = list(video)
    reader = VideoReader(kept_bytes=3 * expected[0].nbytes)
    for index in np.random.default_rng(0).integers(0, len(expected), 80):
        np.testing.assert_array_equal(reader.frame(video, int(index)), expected[index])


@pytest.mark.parametrize("first", [1, 6, 22])
def test_a_clip_is_the_part_of_its_file_from_any_frame_on(video: Clip, first: int) -> None:
    expected = list(video)[first : first + 7]
    clip, reader = Clip(video.path, first, 7, 15), VideoReader()
    np.testing.assert_array_equal(list(clip), expected)
    for index, picture in enumerate(expected):
        np.testing.assert_array_equal(clip.picture(index), picture)
        np.testing.assert_array_equal(reader.frame(clip, index), picture)


def test_a_reader_goes_into_another_process_without_its_decoders(video: Clip) -> None:
    reader = VideoReader()
    reader.frame(video, 5)
    copy = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(copy.frame(video, 5), reader.frame(video, 5))


def test_a_frame_behind_the_end_is_named(video: Clip) -> None:
    with pytest.raises(UserError, match="has no frame 23"):
        VideoReader().frame(video, 23)


def test_a_broken_video_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(UserError, match="broken.mp4 cannot be read"):
        VideoReader().frame(Clip(path, 0, 1, 15), 0)
