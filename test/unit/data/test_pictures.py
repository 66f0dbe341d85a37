"""Pictures of bags: the keys of a camera, and what the live node would have refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from arm_bags import (
    ArmBag,
    Message,
    compressed_image,
    conversion,
    image,
    picture,
    robot_file,
    write_bag,
)

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.image import IMAGE
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import verify
from groot_ros.data.datasets.reader import Dataset
from groot_ros.errors import UserError

CODEC = "ee_quat_joints"
TOPIC = "/exterior/image_raw"


def bag(path: Path, data: Callable[[float], bytes], type_name: str = IMAGE) -> Path:
    """A bag of which the exterior camera is other than usual."""
    arm = ArmBag(seconds=3.0)
    messages = [
        Message(TOPIC, type_name, m.arrival_s, data(m.arrival_s - arm.image_delay_s))
        if m.topic == TOPIC
        else m
        for m in arm.messages()
    ]
    return write_bag(path, messages)


def swapped(time_s: float) -> bytes:
    pixels = np.ascontiguousarray(picture(time_s, "exterior")[..., ::-1])
    return image(time_s, encoding="8UC3", data=pixels.ravel())


def depth(time_s: float) -> bytes:
    """What is red is 2 m away, what is black 0.5 m, in mm."""
    red = picture(time_s, "exterior")[..., 0].astype(np.uint16)
    pixels = (500 + red * 1500 // 255).astype("<u2")
    return image(time_s, encoding="16UC1", step=128, data=pixels.view(np.uint8).ravel())


@pytest.mark.parametrize(
    ("keys", "data", "refusal"),
    [
        ({"encoding": "bgr8"}, swapped, "set encoding: bgr8"),
        ({"depth_range": [0.5, 2.0]}, depth, "set depth_range: "),
    ],
)
def test_keys_of_a_camera(
    tmp_path: Path, keys: dict[str, object], data: Callable[[float], bytes], refusal: str
) -> None:
    recorded = bag(tmp_path / "bag", data)
    with pytest.raises(UserError, match=refusal):
        convert(conversion(recorded, tmp_path / "out"))
    name = robot_file(tmp_path / "robot.yaml", {"observations.cameras.exterior": keys})
    report = convert(conversion(recorded, tmp_path / "out", robot=name))
    assert report.dropped == {}
    found = verify(recorded, name, CODEC, tmp_path / "out")
    assert found.is_equal and min(found.psnr_db.values()) > 35


def test_the_type_of_a_topic_says_what_its_camera_sends(tmp_path: Path) -> None:
    """JPEG on a topic that is called image_raw."""
    recorded = bag(
        tmp_path / "bag", lambda t: compressed_image(t, "exterior", ".jpg"), COMPRESSED_IMAGE
    )
    assert convert(conversion(recorded, tmp_path / "out")).dropped == {}
    found = verify(recorded, "sim", CODEC, tmp_path / "out")
    assert found.is_equal and min(found.psnr_db.values()) > 35


def black(time_s: float) -> bytes:
    return image(time_s, **({"data": np.zeros(9216, np.uint8)} if time_s > 1.5 else {}))


def frozen(time_s: float) -> bytes:
    return image(time_s, data=picture(min(time_s, 1.5), "exterior").ravel())


def resized(time_s: float) -> bytes:
    return image(time_s, **({"width": 32} if time_s > 1.5 else {}))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (black, "camera exterior: its pictures are black"),
        (frozen, "camera exterior: the arm has moved and its picture has not changed"),
        (resized, "camera exterior: its pictures are 32x48 now and were 64x48"),
    ],
)
def test_what_the_node_would_have_refused_is_left_out(
    tmp_path: Path, data: Callable[[float], bytes], reason: str
) -> None:
    recorded = bag(tmp_path / "bag", data)
    report = convert(conversion(recorded, tmp_path / "out"))
    [(found, steps)] = report.dropped.items()
    assert found.startswith(reason) and steps >= 10
    [loss] = report.episodes[0].losses
    assert loss["topic"] == TOPIC and loss["first_s"] >= 1.4
    rows = sum(episode.length for episode in Dataset(tmp_path / "out").episodes)
    assert rows + steps == pytest.approx(45, abs=2)
    assert verify(recorded, "sim", CODEC, tmp_path / "out").is_equal


def test_verify_refuses_pictures_as_the_node_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dataset whose pictures were never judged holds rows that the node would not have seen."""
    recorded = bag(tmp_path / "bag", black)
    with monkeypatch.context() as unjudged:
        unjudged.setattr("groot_ros.observation.picture_watch.BLACK", 0)
        convert(conversion(recorded, tmp_path / "out"))
    found = verify(recorded, "sim", CODEC, tmp_path / "out")
    assert found.unseen >= 5 and not found.is_equal
