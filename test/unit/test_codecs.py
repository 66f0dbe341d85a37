"""Every variant of the catalog: sizes, round trips, what it refuses."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_arm import ONE_ARM

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.pictures import pad
from groot_ros.codecs.representations.xyz_quat import XyzQuat
from groot_ros.errors import UserError
from groot_ros.geometry import normalize_quat, pose_to_matrix
from groot_ros.observation.types import Observation
from groot_ros.robot.config import load_robot
from groot_ros.signals.kinds import POSE
from groot_ros.signals.signals import arm_signals

ROBOT = load_robot("sim")
SIZES = {
    "ee": ({"grip": 1, "ee_pose": 7}, {"ee_pose": 7, "grip": 1}),
    "ee_joints": ({"grip": 1, "ee_pose": 7, "joint_position": 7}, {"ee_pose": 7, "grip": 1}),
    "ee_rot6d": ({"grip": 1, "ee_pose": 9}, {"ee_pose": 9, "grip": 1}),
    "ee_rot6d_joints": ({"grip": 1, "ee_pose": 9, "joint_position": 7}, {"ee_pose": 9, "grip": 1}),
    "joints_traj": ({"grip": 1, "joint_position": 7}, {"joint_position": 7, "grip": 1}),
}
SIZES["joints"] = SIZES["joints_rel"] = SIZES["joints_traj"]
SIZES["joints_ee_rot6d"] = SIZES["joints_ee_rot6d_rel"] = (
    {"grip": 1, "ee_pose": 9, "joint_position": 7},
    {"joint_position": 7, "grip": 1},
)
SIZES["ee_rot6d_rel"] = SIZES["ee_rot6d"]
SIZES["ee_rot6d_joints_rel"] = SIZES["ee_rot6d_joints"]
SIZES |= {
    f"{name}_traj": SIZES[name] for name in ("ee", "ee_joints", "ee_rot6d", "ee_rot6d_joints")
}
variants = st.sampled_from(ONE_ARM)
seeds = st.integers(0, 2**32 - 1)


def random_poses(rng, count):
    quats = normalize_quat(rng.normal(size=(count, 4)))
    return np.concatenate([rng.uniform(-1, 1, (count, 3)), quats], axis=1)


def random_observation(rng, **changes):
    fields = {
        "stamp_ns": 7,
        "images": {
            name: rng.integers(0, 255, (48, 64, 3), np.uint8) for name in ("exterior", "wrist")
        },
        "instruction": "pick up the red cube",
    }
    signals = {
        "ee_pose": random_poses(rng, 1)[0],
        "joint_position": rng.uniform(-2, 2, 7),
        "grip": float(rng.uniform()),
    }
    signals |= {name: changes.pop(name) for name in [*signals] if name in changes}
    return Observation(**{**fields, **changes}, signals=arm_signals(**signals))


def assert_same_poses(actual, expected):
    np.testing.assert_allclose(pose_to_matrix(actual), pose_to_matrix(expected), atol=1e-6)


def test_the_catalog_of_one_arm_is_complete():
    assert set(ONE_ARM) == set(SIZES)


@pytest.mark.parametrize("name", ONE_ARM)
def test_keys_and_sizes(name):
    codec = find_codec(name).codec(ROBOT)
    state, action = SIZES[name]
    encoded = codec.encode(random_observation(np.random.default_rng(0)))
    assert {key: values.shape for key, values in encoded.state.items()} == {
        key: (1, size) for key, size in state.items()
    }
    assert {key: image.shape for key, image in encoded.video.items()} == {
        "exterior_image_1": (1, 224, 224, 3),
        "wrist_image": (1, 224, 224, 3),
    }
    assert {f.key: f.size for f in codec.features.action} == action


@given(variants, seeds)
@settings(max_examples=200)
def test_actions_round_trip(name, seed):
    codec = find_codec(name).codec(ROBOT)
    rng = np.random.default_rng(seed)
    steps = arm_signals(
        ee_pose=random_poses(rng, 16),
        joint_position=rng.uniform(-2, 2, (16, 7)),
        grip=rng.uniform(0, 1, 16),
    )
    decoded = codec.decode(codec.action.encode(steps))
    if "ee_pose" in decoded:
        assert_same_poses(decoded["ee_pose"], steps["ee_pose"])
    if "joint_position" in decoded:
        np.testing.assert_allclose(decoded["joint_position"], steps["joint_position"], atol=1e-6)
    # What the fingers hold keeps them from closing far.
    expected = (steps["grip"] > 0.2).astype(float) if "traj" in name else steps["grip"]
    np.testing.assert_allclose(decoded["grip"], expected, atol=1e-6)


@given(variants, seeds)
def test_state_holds_the_observation(name, seed):
    codec = find_codec(name).codec(ROBOT)
    observation = random_observation(np.random.default_rng(seed))
    state = codec.encode(observation).state
    for part in codec.state.parts:
        value = part.values(state[part.key][0])
        observed = observation.signals[part.signal.name]
        if part.signal.kind == POSE:
            assert_same_poses(value, observed)
        else:
            np.testing.assert_allclose(value, observed, atol=1e-6)


@pytest.mark.parametrize("name", ONE_ARM)
def test_modality_json_slices_the_columns(name):
    codec = find_codec(name).codec(ROBOT)
    modality = codec.modality()
    state, action = SIZES[name]
    for part, sizes in (("state", state), ("action", action)):
        position = 0
        for key, size in sizes.items():
            assert modality[part][key] == {"start": position, "end": position + size}
            position += size
    assert modality["video"]["wrist_image"] == {"original_key": "observation.images.wrist_image"}
    assert modality["annotation"] == {
        "language.language_instruction": {"original_key": "task_index"}
    }


@given(seeds)
def test_quaternion_sign_does_not_depend_on_the_driver(seed):
    pose = random_poses(np.random.default_rng(seed), 1)[0]
    flipped = np.concatenate([pose[:3], -pose[3:]])
    np.testing.assert_allclose(XyzQuat().columns(pose), XyzQuat().columns(flipped))


def test_quaternion_does_not_jump_while_the_gripper_points_down():
    tilt = np.linspace(-1.0, 1.0, 201)
    down = np.stack([np.sin(tilt / 2), np.cos(tilt / 2), 0 * tilt, 0 * tilt], axis=1)
    poses = np.concatenate([np.zeros((201, 3)), down], axis=1)
    columns = XyzQuat().columns(poses)
    assert np.abs(np.diff(columns, axis=0)).max() < 0.01


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"joint_position": None}, "has no joint_position, which this variant reads"),
        ({"joint_position": np.zeros(6)}, "joint_position gives 6 numbers, expected 7"),
        ({"ee_pose": np.array([np.nan, 0, 0, 1, 0, 0, 0])}, "ee_pose holds NaN"),
        ({"images": {"wrist": np.zeros((4, 4, 3), np.uint8)}}, "no picture of camera 'exterior'"),
        (
            {
                "images": {
                    "exterior": np.zeros((4, 4), np.uint8),
                    "wrist": np.zeros((4, 4), np.uint8),
                }
            },
            "expected uint8",
        ),
    ],
)
def test_impossible_observations_are_refused(changes, sentence):
    codec = find_codec("ee_rot6d_joints").codec(ROBOT)
    observation = random_observation(np.random.default_rng(1), **changes)
    with pytest.raises(UserError, match=sentence):
        codec.encode(observation)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ({"grip": np.zeros((16, 1))}, "has no 'ee_pose', only grip"),
        ({"ee_pose": np.zeros((16, 7)), "grip": np.zeros((16, 1))}, r"expected \(steps, 9\)"),
        ({"ee_pose": np.full((16, 9), np.nan), "grip": np.zeros((16, 1))}, "holds NaN"),
        ({"ee_pose": np.zeros((16, 9)), "grip": np.zeros((16, 1))}, "is not a rotation"),
    ],
)
def test_impossible_answers_are_refused(output, sentence):
    with pytest.raises(UserError, match=sentence):
        find_codec("ee_rot6d").codec(ROBOT).decode(output)


def test_unknown_variant_and_missing_streams_are_named():
    with pytest.raises(UserError, match="'ee_euler' is unknown, expected one of ee, ee_joints"):
        find_codec("ee_euler")
    so101 = load_robot("so101")
    with pytest.raises(UserError, match="robot so101 has no observations.ee_pose"):
        find_codec("ee_rot6d").codec(so101)
    assert find_codec("joints_traj").codec(so101).features.state[1].size == 5
    blind = dataclasses.replace(
        ROBOT, observations=dataclasses.replace(ROBOT.observations, cameras={})
    )
    with pytest.raises(UserError, match="no observations.cameras"):
        find_codec("ee").codec(blind)


@pytest.mark.parametrize(
    ("height", "width"), [(480, 640), (640, 480), (100, 100), (224, 224), (3, 900)]
)
def test_pictures_keep_their_aspect_between_black_borders(height, width):
    fitted = pad(np.full((height, width, 3), 200, np.uint8), 224, 224)
    assert fitted.shape == (224, 224, 3)
    inside = fitted.any(axis=2)
    rows, columns = inside.any(axis=1).sum(), inside.any(axis=0).sum()
    # As openpi divides: 900 / (900 / 224) is a little less than 224.
    assert max(rows, columns) == (223 if width == 900 else 224)
    assert rows / columns == pytest.approx(
        height / width, rel=0.35 if min(rows, columns) < 3 else 0.01
    )
    assert set(np.unique(fitted)) <= {0, 200}
