"""Bags of cameras that send video: whole, from their middle on, with packets that are damaged."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arm_bags import (
    BEGIN_NS,
    FFMPEG,
    FOXGLOVE,
    ArmBag,
    Message,
    conversion,
    full_store,
    picture,
    write_bag,
)
from encoded import Coded, damaged, encode
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.calibration.recording import read_recording
from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.video import BROKEN, NO_KEY_FRAME
from groot_ros.codecs.catalog import find_codec
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import live_observations, verify
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.video import psnr_db
from groot_ros.data.datasets.writer import STAMP, video_column
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import Episode, TimeRange
from groot_ros.data.playback.replay import BagSource
from groot_ros.data.review.inspection import describe_bag
from groot_ros.errors import UserError
from groot_ros.observation.fields import NS
from groot_ros.robot.config import load_robot
from groot_ros.sim.fake.bag import BagPictures

TOPIC, CODEC = "/exterior/image_raw", "ee_quat_joints"
ARM = ArmBag(seconds=3.0)
COUNT = round(ARM.seconds * ARM.camera_hz)
GROUP = 25


def message(type_name: str, name: str, coded: Coded) -> bytes:
    """A packet as its camera sends it; the stamp is that of the picture in it."""
    stamp_ns, store = ARM.stamp_ns(coded.number / ARM.camera_hz), full_store()
    header = ARM.maker.header(stamp_ns, "camera")
    fields: dict[str, Any] = {"data": np.frombuffer(coded.data, np.uint8)}
    if type_name == FOXGLOVE:
        fields |= {"timestamp": header.stamp, "frame_id": "camera", "format": name}
    elif type_name == COMPRESSED_IMAGE:
        fields |= {"header": header, "format": name}
    else:
        fields |= {"header": header, "width": 64, "height": 48, "encoding": name}
        fields |= {"pts": coded.number, "flags": 0, "is_bigendian": False}
    return bytes(store.serialize_cdr(store.types[type_name](**fields), type_name))


@cache
def coded_pictures(codec: str, b_frames: int, group: int) -> list[Coded]:
    pictures = [picture(number / ARM.camera_hz, "exterior") for number in range(COUNT)]
    return encode(codec, pictures, b_frames, group, "crf=12")


def video_bag(path: Path, type_name: str, name: str, packets: dict[int, Coded]) -> Path:
    """A bag whose exterior camera sends packets, by their place in the order of arrival."""
    others = [m for m in ARM.messages() if m.topic != TOPIC]
    sent = [
        Message(
            TOPIC,
            type_name,
            place / ARM.camera_hz + ARM.image_delay_s,
            message(type_name, name, coded),
        )
        for place, coded in packets.items()
    ]
    return write_bag(path, [*others, *sent])


def all_packets(codec: str = "h264", b_frames: int = 0, group: int = GROUP) -> dict[int, Coded]:
    return dict(enumerate(coded_pictures(codec, b_frames, group)))


KINDS = [
    (FOXGLOVE, "h264", "h264", 0),
    (COMPRESSED_IMAGE, "bgr8; hevc", "hevc", 0),
    (FFMPEG, "h264;yuv420p;bgr8;rgb8", "h264", 2),
    (FFMPEG, "libx265", "hevc", 2),
]


@pytest.fixture(scope="module")
def due(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, np.ndarray]]:
    """The rows of a bag with the same pictures uncompressed."""
    path = tmp_path_factory.mktemp("due")
    plain = write_bag(path / "bag", ARM.messages())
    convert(conversion(plain, path / "out"))
    return rows(path / "out")


@pytest.mark.parametrize(("type_name", "name", "codec", "b_frames"), KINDS)
def test_video_is_converted_as_its_pictures_are(
    tmp_path: Path,
    due: list[tuple[int, np.ndarray]],
    type_name: str,
    name: str,
    codec: str,
    b_frames: int,
) -> None:
    recorded = video_bag(tmp_path / "bag", type_name, name, all_packets(codec, b_frames))
    assert describe_bag(recorded, "sim")["problems"] == []
    report = convert(conversion(recorded, tmp_path / "out"))
    assert report.dropped == {}
    assert report.episodes[0].notes == []
    assert verify(recorded, "sim", CODEC, tmp_path / "out").is_equal

    seen = rows(tmp_path / "out")
    # Pictures of B-frames come late, the last ones never.
    assert len(due) - b_frames <= len(seen) <= len(due)
    for (stamp_ns, found), (due_ns, expected) in zip(seen, due, strict=False):
        assert stamp_ns == due_ns
        assert psnr_db(found, expected) > 32


def rows(path: Path) -> list[tuple[int, np.ndarray]]:
    dataset = Dataset(path)
    [episode] = dataset.episodes
    pictures = episode.videos[video_column("exterior_image_1")]
    return list(zip(dataset.columns(episode)[STAMP], pictures, strict=True))


def seen_between(path: Path, start_s: float, stop_s: float) -> Iterator[tuple[int, np.ndarray]]:
    """What the live node would see of an episode of a bag."""
    robot = load_robot("sim")
    start_ns, stop_ns = (BEGIN_NS + round(time_s * NS) for time_s in (start_s, stop_s))
    with open_bag(path) as bag:
        source = BagSource(bag, robot, find_codec(CODEC).codec(robot))
        for found in live_observations(source, Episode(path, "x", start_ns, stop_ns), ()):
            yield found.stamp_ns, found.images["exterior"]


@pytest.fixture(scope="module", params=[("h264", 0), ("hevc", 2), ("h264", 0, 1000)], ids=str)
def whole(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[int, np.ndarray]]:
    """A bag, and all that is seen of it; the last kind has a key frame at its beginning only."""
    name = {"h264": "h264;yuv420p;bgr8;rgb8", "hevc": "hevc;yuv420p;bgr8;rgb8"}[request.param[0]]
    path = tmp_path_factory.mktemp("whole") / "bag"
    video_bag(path, FFMPEG, name, all_packets(*request.param))
    return path, dict(seen_between(path, 0.0, ARM.seconds))


@given(start_s=st.floats(0.0, 2.5), length_s=st.floats(0.2, 1.0))
@settings(deadline=None, max_examples=6)
def test_a_range_is_seen_as_in_the_whole(
    whole: tuple[Path, dict[int, np.ndarray]], start_s: float, length_s: float
) -> None:
    """Wherever it begins, also between two key frames."""
    path, all_seen = whole
    first_ns = BEGIN_NS + round(start_s * NS)
    seen = dict(seen_between(path, start_s, start_s + length_s))
    for stamp_ns, shown in seen.items():
        np.testing.assert_array_equal(shown, all_seen[stamp_ns])
    # What was taken in it and has come by its end.
    due = [s for s in all_seen if first_ns <= s < first_ns + round((length_s - 0.15) * NS)]
    assert set(due) <= set(seen)


def test_who_else_reads_bags(tmp_path: Path) -> None:
    """The calibration sees the pictures; a fake robot, which shows them over and over, cannot."""
    recorded = video_bag(tmp_path / "bag", FOXGLOVE, "h264", all_packets())
    changes = read_recording(recorded, load_robot("sim")).changes
    assert len(changes["exterior"]) == COUNT - 1
    with pytest.raises(UserError, match=f"{TOPIC} of bag .* is video .h264., which a fake robot"):
        BagPictures(recorded, load_robot("sim"))


def test_a_range_is_converted_from_its_first_step_on(tmp_path: Path) -> None:
    recorded = video_bag(tmp_path / "bag", FOXGLOVE, "h264", all_packets())
    choice = EpisodeChoice(instruction="pick", ranges=(TimeRange(1.2, 2.8),))
    report = convert(conversion(recorded, tmp_path / "out", choice=choice))
    assert report.dropped == {} and report.episodes[0].notes == []
    assert report.frames >= 23


def test_what_comes_before_the_first_key_frame_is_left_out_and_counted(tmp_path: Path) -> None:
    packets = {place: coded for place, coded in all_packets().items() if place > 5}
    recorded = video_bag(tmp_path / "bag", FOXGLOVE, "h264", packets)
    report = convert(conversion(recorded, tmp_path / "out"))
    [(found, steps)] = report.dropped.items()
    assert found == f"camera exterior: {NO_KEY_FRAME}" and 12 <= steps <= 13
    [note] = report.episodes[0].notes
    assert note == f"{GROUP - 6} packets on {TOPIC} were left out: {NO_KEY_FRAME}"
    assert verify(recorded, "sim", CODEC, tmp_path / "out").is_equal


def test_a_damaged_packet_costs_pictures_up_to_the_next_key_frame(tmp_path: Path) -> None:
    packets = all_packets()
    place = GROUP + 4
    packets[place] = Coded(place, damaged("h264", packets[place]))
    recorded = video_bag(tmp_path / "bag", COMPRESSED_IMAGE, "h264", packets)
    report = convert(conversion(recorded, tmp_path / "out"))
    assert report.episodes[0].notes == [f"{GROUP - 4} packets on {TOPIC} were left out: {BROKEN}"]
    [(found, steps)] = [item for item in report.dropped.items() if "camera" in item[0]]
    # 21 pictures are 0.7 s, of which the one before counts for 0.3 s.
    assert found == f"camera exterior: {BROKEN}" and 5 <= steps <= 7
    [loss] = [loss for loss in report.episodes[0].losses if "camera" in loss["reason"]]
    assert loss["topic"] == TOPIC and loss["first_s"] >= place / ARM.camera_hz


@pytest.mark.parametrize(
    ("name", "first", "reason"),
    [
        ("h264", 1, NO_KEY_FRAME),
        ("vp9", 0, "its video is vp9, expected colour as h264 or h265"),
    ],
)
def test_video_that_never_becomes_a_picture_is_refused(
    tmp_path: Path, name: str, first: int, reason: str
) -> None:
    packets = {p: coded for p, coded in all_packets(group=1000).items() if p >= first}
    recorded = video_bag(tmp_path / "bag", FOXGLOVE, name, packets)
    with pytest.raises(UserError, match=f"steps? dropped: camera exterior: {reason}"):
        convert(conversion(recorded, tmp_path / "out"))
