"""Video packet by packet: no picture but the right one, whatever is missing or damaged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
from encoded import GROUP, Coded, damaged, stream
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.cameras.catalog import kind_of
from groot_ros.cameras.frame_numbers import FrameNumbers
from groot_ros.cameras.units import look_into
from groot_ros.cameras.video import (
    BROKEN,
    LOST,
    NO_KEY_FRAME,
    NO_UNITS,
    VideoDecoder,
    decoder_name,
)
from groot_ros.cameras.video_thread import BEHIND, PACKETS, VideoThread

COUNT = 35
KINDS = [("h264", 0, ""), ("h264", 2, ""), ("hevc", 0, ""), ("hevc", 2, "")]
# Intra pictures that are no IDR, scaling lists, no intra picture after the first.
MORE = [("h264", 2, "open-gop=1"), ("h264", 0, "cqm=jvt"), ("h264", 0, "intra-refresh=1")]


def taken(codec: str, packets: list[Coded], decoder: VideoDecoder) -> dict[int, np.ndarray]:
    """Pictures by number, each of them once."""
    found = {}
    for coded in packets:
        for number, decode in decoder.take(codec, coded.data, coded.number):
            assert number not in found
            found[number] = decode()
    return found


def assert_right(found: dict[int, np.ndarray], whole: dict[int, np.ndarray]) -> None:
    for number, picture in found.items():
        np.testing.assert_array_equal(picture, whole[number], err_msg=str(number))


@pytest.mark.parametrize(("codec", "b_frames", "options"), KINDS + MORE)
def test_all_pictures_of_a_stream(codec: str, b_frames: int, options: str) -> None:
    packets, whole = stream(codec, COUNT, b_frames, options)
    decoder = VideoDecoder()
    found = taken(codec, list(packets), decoder)
    assert_right(found, whole)
    # With B-frames a picture comes when those after it have come.
    assert list(found) == list(range(COUNT - b_frames)) and decoder.problem == ""


@pytest.mark.parametrize(("codec", "b_frames", "options"), KINDS + MORE)
@given(start=st.integers(0, COUNT - 1))
@settings(deadline=None, max_examples=20)
def test_a_stream_from_its_middle_on(codec: str, b_frames: int, options: str, start: int) -> None:
    packets, whole = stream(codec, COUNT, b_frames, options)
    decoder = VideoDecoder()
    found = taken(codec, list(packets[start:]), decoder)
    assert_right(found, whole)
    if "refresh" in options:
        return
    key = next((c.number for c in packets[start:] if look_into(codec, c.data).is_key), COUNT)
    assert list(found) == list(range(key, max(key, COUNT - b_frames)))
    assert decoder.problem == (NO_KEY_FRAME if key == COUNT else "")


@pytest.mark.parametrize(("codec", "b_frames", "options"), KINDS + MORE[:2])
@given(lost=st.sets(st.integers(0, COUNT - 1), max_size=4))
@settings(deadline=None, max_examples=20)
def test_packets_that_are_lost(codec: str, b_frames: int, options: str, lost: set[int]) -> None:
    """They cost pictures up to the next key frame, and make no wrong one."""
    packets, whole = stream(codec, COUNT, b_frames, options)
    received = [coded for index, coded in enumerate(packets) if index not in lost]
    found = taken(codec, received, VideoDecoder())
    assert_right(found, whole)
    if "open" not in options:
        groups = {index // GROUP for index in lost}
        whole_groups = {n for n in range(COUNT - b_frames) if n // GROUP not in groups}
        # Those that wait for pictures behind them go with these.
        waited = {GROUP * group - n for group in groups for n in range(1, b_frames + 1)}
        assert whole_groups - waited <= set(found)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize(("is_lost", "reason"), [(True, LOST), (False, BROKEN)])
def test_the_reason_stays_until_the_next_key_frame(codec: str, is_lost: bool, reason: str) -> None:
    packets, _ = stream(codec, COUNT)
    decoder, problems = VideoDecoder(), []
    for coded in packets:
        if coded.number == 4 and is_lost:
            continue
        data = damaged(codec, coded) if coded.number == 4 else coded.data
        pictures = decoder.take(codec, data, coded.number)
        problems.append((coded.number, decoder.problem))
        assert bool(pictures) != bool(decoder.problem)
    # H.265 names what it needs: its decoder fails, and knows no more than that.
    said = BROKEN if codec == "hevc" else reason
    first = 5 if is_lost else 4
    assert problems == [(n, said if first <= n < GROUP else "") for n, _ in problems]


def test_lost_pictures_are_noticed_across_the_end_of_their_numbers() -> None:
    """frame_num counts to 15 at least, and begins again."""
    packets, _ = stream("h264", 60, options="keyint=infinite")
    numbers = FrameNumbers()
    assert not any(numbers.misses(look_into("h264", coded.data)) for coded in packets)
    for gone in range(1, 59):
        numbers = FrameNumbers()
        kept = [coded for coded in packets if coded.number != gone]
        missed = [c.number for c in kept if numbers.misses(look_into("h264", c.data))]
        assert missed == [gone + 1]


@pytest.mark.parametrize(
    ("name", "decoder"),
    [
        ("h264", "h264"),
        ("H.264", "h264"),
        ("libx264", "h264"),
        ("h264_nvenc", "h264"),
        ("h265", "hevc"),
        ("hevc_vaapi", "hevc"),
        ("libx265", "hevc"),
        ("av1", ""),
        ("h264 of 16UC1", ""),
        ("", ""),
    ],
)
def test_names_of_formats(name: str, decoder: str) -> None:
    assert decoder_name(name) == decoder


@pytest.mark.parametrize(
    ("message", "type_name", "video"),
    [
        ({"format": "rgb8; jpeg compressed bgr8"}, "sensor_msgs/msg/CompressedImage", ""),
        ({"format": "h264"}, "sensor_msgs/msg/CompressedImage", "h264"),
        ({"format": "bgr8; HEVC"}, "sensor_msgs/msg/CompressedImage", "hevc"),
        (
            {"format": "h265", "timestamp": None},
            "foxglove_msgs/msg/CompressedVideo",
            "h265",
        ),
        (
            {"encoding": "hevc;yuv420p;bgr8;rgb8", "pts": 0},
            "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
            "hevc",
        ),
        (
            {"encoding": "hevc;gray12le;mono16;16UC1", "pts": 0},
            "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
            "hevc of 16UC1",
        ),
        ({"encoding": "rgb8", "step": 3}, "sensor_msgs/msg/Image", ""),
    ],
)
def test_a_message_tells_what_it_is(
    message: dict[str, object], type_name: str, video: str
) -> None:
    kind = kind_of(SimpleNamespace(**message))
    assert kind.type_name == type_name and kind.video(SimpleNamespace(**message)) == video


def test_video_of_another_kind_is_said() -> None:
    decoder = VideoDecoder()
    assert decoder.take("av1", b"\0\0\0\1", 1) == []
    assert decoder.problem == "its video is av1, expected colour as h264 or h265"


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@given(
    number=st.integers(0, GROUP - 1),
    changes=st.dictionaries(st.floats(0, 1), st.binary(max_size=9)),
)
@settings(deadline=None, max_examples=30)
def test_damage_ends_at_the_next_key_frame(
    codec: str, number: int, changes: dict[float, bytes]
) -> None:
    packets, whole = stream(codec, COUNT)
    data = bytearray(packets[number].data)
    for place, new in changes.items():
        start = int(place * len(data))
        data[start : start + 3] = new
    received = [*packets[:number], Coded(number, bytes(data)), *packets[number + 1 :]]
    decoder = VideoDecoder()
    taken(codec, received[:GROUP], decoder)
    found = taken(codec, received[GROUP:], decoder)
    assert_right(found, whole)
    assert list(found) == list(range(GROUP, COUNT))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_a_clock_that_begins_again(codec: str) -> None:
    """A bag that is played in a loop, a simulation that is reset; an empty packet between."""
    packets, _ = stream(codec, COUNT, b_frames=2)
    decoder = VideoDecoder()
    later = [Coded(coded.number + 10**9, coded.data) for coded in packets]
    assert len(taken(codec, later, decoder)) == COUNT - 2
    assert decoder.take(codec, b"", 1) == [] and decoder.problem == NO_UNITS
    again = [n for c in packets for n, _ in decoder.take(codec, c.data, c.number)]
    assert [n for n in again if n < COUNT] == list(range(COUNT - 2))


@given(data=st.binary(max_size=200))
@settings(deadline=None)
def test_rubbish_is_no_picture(data: bytes) -> None:
    for codec in ("h264", "hevc"):
        for head in (b"", b"\0\0\1\x67", b"\0\0\1\x65", b"\0\0\1\x26\1", b"\0\0\1\x42\1"):
            assert VideoDecoder().take(codec, head + data, 1) == []


class Gate:
    """A store that waits until the test lets it go on."""

    def __init__(self, decoder: VideoDecoder) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        self.decoder = decoder
        self.pictures: dict[int, Callable[[], np.ndarray]] = {}
        self.problems: set[str] = set()
        self.stored = threading.Semaphore(0)

    def store(self, coded: Coded, arrival_ns: int) -> None:
        self.entered.set()
        self.leave.wait()
        self.pictures |= dict(self.decoder.take("h264", coded.data, coded.number))
        self.problems.add(self.decoder.problem)


def test_a_thread_that_falls_behind_goes_on_at_a_key_frame() -> None:
    count = PACKETS + 3 * GROUP
    packets, whole = stream("h264", count)
    decoder = VideoDecoder()
    gate = Gate(decoder)
    thread = VideoThread(gate.store, decoder, gate.stored.release)
    thread.put(packets[0], 0)
    gate.entered.wait()
    for coded in packets[1:]:
        thread.put(coded, 0)
    gate.leave.set()
    # The first and those that came after the queue was emptied, which packet 61 did.
    for _ in range(1 + count - PACKETS - 1):
        gate.stored.acquire()
    thread.close()
    assert list(gate.pictures) == [0, *range(PACKETS + GROUP, count)]
    assert_right({n: decode() for n, decode in gate.pictures.items()}, whole)
    assert gate.problems == {"", BEHIND}
