"""Codec files: what they say, what is refused, what comes of them."""

import copy
from pathlib import Path

import numpy as np
import pytest
import yaml

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.file import parse_codec
from groot_ros.codecs.pictures import FITS, fit
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import arm_signals

ROBOT = load_robot("sim")
DROID = yaml.safe_load("""
codec: droid
state:
  eef_9d: {signal: ee_pose, as: xyz_rot6d, tool: {of: fr3_hand_tcp, xyz: [0, 0, 0.1]}}
  gripper_position: {signal: grip}
  joint_position: {signal: joint_position, unit: rad, history: [0]}
action:
  eef_9d: {ignored: true, size: 9}
  joint_position: {signal: joint_position, label: commanded}
  gripper_position: {signal: grip, label: commanded, binary: 0.5}
video:
  exterior_image_1_left: {camera: exterior, size: {width: 320, height: 180}, fit: pad}
  wrist_image_left: {camera: wrist, size: {width: 64, height: 64}, fit: crop, history: [0]}
language: annotation.language.language_instruction
fps: 15
horizon: 40
execute: 15
embodiment_tag: oxe_droid_relative_eef_relative_joint
relative: [joint_position]
""")
LIBERO = yaml.safe_load("""
codec: libero
state:
  pose: {signal: ee_pose, as: xyz_rpy, keys: [x, y, z, roll, pitch, yaw]}
  gripper: {signal: grip, affine: {scale: 2, offset: -1}}
action:
  pose: {signal: ee_pose, as: xyz_rpy, keys: [x, y, z, roll, pitch, yaw]}
  gripper: {signal: grip, affine: {scale: 2, offset: -1}}
video:
  each_camera: {}
""")


def observation():
    return Observation(
        stamp_ns=0,
        images={name: np.full((48, 64, 3), 9, np.uint8) for name in ROBOT.observations.cameras},
        instruction="",
        signals=arm_signals(
            ee_pose=np.array([0.5, 0, 0.3, 0, 1, 0, 0]), joint_position=np.arange(7.0), grip=0.25
        ),
    )


def changed(path, value):
    values = copy.deepcopy(DROID)
    *above, last = path.split(".")
    section = values
    for key in above:
        section = section[key]
    section[last] = value
    return values


def test_a_file_says_keys_sizes_and_times():
    codec = parse_codec(DROID, "droid", "droid.yaml").codec(ROBOT)
    encoded = codec.encode(observation())
    assert {key: columns.shape[1] for key, columns in encoded.state.items()} == {
        "eef_9d": 9,
        "gripper_position": 1,
        "joint_position": 7,
    }
    assert {key: image.shape[1:3] for key, image in encoded.video.items()} == {
        "exterior_image_1_left": (180, 320),
        "wrist_image_left": (64, 64),
    }
    assert encoded.state["eef_9d"][0, 2] == pytest.approx(0.2)
    assert [f.key for f in codec.features.action] == [
        "eef_9d",
        "joint_position",
        "gripper_position",
    ]
    assert codec.timing.horizon == 40
    answer = {
        "eef_9d": np.full((40, 9), np.nan),
        "joint_position": np.ones((40, 7)),
        "gripper_position": np.full((40, 1), 0.6),
    }
    steps = codec.decode(answer)
    assert list(steps) == ["joint_position", "grip"]
    assert steps["grip"].tolist() == [1.0] * 40


def test_one_signal_may_have_many_keys():
    codec = parse_codec(LIBERO, "libero", "libero.yaml").codec(ROBOT)
    state = codec.encode(observation()).state
    assert list(state) == ["x", "y", "z", "roll", "pitch", "yaw", "gripper"]
    assert state["gripper"].tolist() == [[-0.5]]
    seen = observation().signals
    chunk = {key: np.repeat(column, 3, axis=0) for key, column in state.items()}
    steps = codec.decode(chunk)
    np.testing.assert_allclose(steps["ee_pose"][0], seen["ee_pose"], atol=1e-9)
    assert steps["grip"][0] == pytest.approx(0.25)


def test_relative_names_the_keys_of_the_model():
    keys = ("x", "y", "z")
    assert parse_codec({**LIBERO, "relative": [*keys]}, "libero", "a.yaml").relative_keys == keys
    with pytest.raises(UserError, match="relative holds pose, expected some of x, y, z, roll"):
        parse_codec({**LIBERO, "relative": ["pose"]}, "libero", "a.yaml")


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("horizont", 4, "droid.yaml: horizont is not a known key; did you mean horizon"),
        (
            "state.eef_9d.as",
            "xyz_rot6",
            "state.eef_9d.as is 'xyz_rot6', expected one of .*mean xyz",
        ),
        ("state.eef_9d.sign", "driver", "state.eef_9d.sign is not a known key"),
        ("state.joint_position.unit", "grad", "is 'grad', expected one of rad, deg, percent"),
        ("state.joint_position.histroy", [0], "histroy is not a known key; did you mean history"),
        ("state.joint_position.history", [0, -5], "expected steps in their order"),
        ("state.gripper_position.affine", {"scale": 0}, "affine.scale holds 0"),
        ("action.eef_9d.size", 0, "action.eef_9d.size is 0, expected a whole number from 1"),
        ("action.joint_position.label", "wanted", "expected one of commanded, reached"),
        ("video.wrist_image_left.fit", "squash", "expected one of pad, crop, stretch"),
        ("video.wrist_image_left.size", {"width": 64}, "size.height is missing"),
        ("fps", "15", "fps is '15', expected a whole number from 1 to 240"),
        ("relative", ["eef"], "relative holds eef, expected some of eef_9d"),
        ("action", {}, "action is empty"),
        ("video", {}, "video is empty"),
    ],
)
def test_mistakes_name_file_key_and_what_is_allowed(path, value, sentence):
    with pytest.raises(UserError, match=sentence):
        parse_codec(changed(path, value), "droid", "droid.yaml")


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("state.joint_position.signal", "joint_positions", "did you mean joint_position"),
        ("video.wrist_image_left.camera", "wirst", "did you mean wrist"),
        ("state.gripper_position.unit", "deg", "unit is deg, which Closure does not have"),
        ("state.eef_9d", {"signal": "ee_pose"}, "state.eef_9d.as is missing, expected one of xyz"),
    ],
)
def test_what_a_robot_lacks_is_named(path, value, sentence):
    file = parse_codec(changed(path, value), "droid", "droid.yaml")
    with pytest.raises(UserError, match=sentence):
        file.codec(ROBOT)


def test_a_path_is_as_good_as_a_name(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(DROID, sort_keys=False))
    file = find_codec(str(tmp_path / "mine.yaml"))
    assert (file.name, file.codec_name) == ("mine", "droid")
    assert parse_codec(file.values, "mine", "copy") == file
    (tmp_path / "twice.yaml").write_text("codec: a\ncodec: b\n")
    with pytest.raises(UserError, match="codec is there twice, in lines 1 and 2"):
        find_codec(str(tmp_path / "twice.yaml"))
    with pytest.raises(UserError, match="'ee_euler' is unknown, expected one of ee, ee_joints"):
        find_codec("ee_euler")


def test_codecs_that_make_other_columns_have_other_fingerprints():
    prints = {
        parse_codec(values, "droid", "droid.yaml").codec(ROBOT).fingerprint
        for values in (
            DROID,
            changed("state.joint_position.unit", "deg"),
            changed("state.eef_9d.tool.xyz", [0, 0, 0.2]),
            changed("action.gripper_position.binary", 0.4),
            changed("video.wrist_image_left.fit", "pad"),
        )
    }
    assert len(prints) == 5


@pytest.mark.parametrize("how", FITS)
def test_fits_have_the_size_and_show_what_they_say(how):
    # Left half dark, right half bright.
    wide = np.zeros((100, 200, 3), np.uint8)
    wide[:, 100:] = 200
    shown = fit(wide, 60, 60, how)
    assert shown.shape == (60, 60, 3)
    assert shown[30, 5].tolist() == [0] * 3
    assert shown[30, 55].tolist() == [200] * 3
    assert bool(shown[2, 55].any()) == (how != "pad")
    corners = np.zeros((100, 200, 3), np.uint8)
    corners[:, :40] = 200
    assert bool(fit(corners, 60, 60, how).any()) == (how != "crop")


def test_pad_cuts_to_whole_pixels():
    wide = fit(np.full((480, 848, 3), 200, np.uint8), 224, 224, "pad")
    assert wide.any(axis=(1, 2)).sum() == 126
