"""Normalisation and relative actions."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from droid import DIMS, DROID, KWARGS, STATISTICS, bounds, per_step
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from groot_ros import geometry
from groot_ros.errors import UserError
from groot_ros.model.processing.modality import (
    ActionConfig,
    ActionFormat,
    ActionType,
    ModalityConfig,
)
from groot_ros.model.processing.normalization import MeanStd, MinMax, SinCos
from groot_ros.model.processing.relative import to_absolute, to_relative
from groot_ros.model.processing.state_action import ProcessorConfig, StateActionProcessor

POSE_ROT6D = ActionConfig(True, ActionType.EEF, ActionFormat.XYZ_ROT6D)
POSE_ROTVEC = ActionConfig(True, ActionType.EEF, ActionFormat.XYZ_ROTVEC)
NUMBERS = ActionConfig(True)


def processor(
    statistics: dict[str, Any] = STATISTICS, modality: dict[str, Any] | None = None, **kwargs: Any
) -> StateActionProcessor:
    values = {**KWARGS, **kwargs}
    config = ModalityConfig.from_dict(modality or KWARGS["modality_configs"][DROID], DROID)
    return StateActionProcessor(
        ProcessorConfig.from_dict(values), config, statistics, DROID, slot=24
    )


def pose(generator: np.random.Generator, steps: int) -> np.ndarray:
    poses = np.concatenate(
        [generator.uniform(-1, 1, (steps, 3)), generator.normal(size=(steps, 4))], axis=1
    )
    return geometry.pose_to_pose9(poses)


def state() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "eef_9d": pose(generator, 1),
        "gripper_position": np.array([[0.3]]),
        "joint_position": generator.uniform(-1, 1, (1, 7)),
    }


def test_modality_of_the_droid_checkpoint() -> None:
    modality = processor().modality
    assert modality.state == DIMS
    assert modality.horizon == 40
    assert modality.video_keys == ("exterior_image_1_left", "wrist_image_left")
    assert [(a.key, a.dim, a.config.relative, a.config.type) for a in modality.actions] == [
        ("eef_9d", 9, True, ActionType.EEF),
        ("gripper_position", 1, False, ActionType.NON_EEF),
        ("joint_position", 7, True, ActionType.NON_EEF),
    ]


def test_relative_actions_use_extremes_of_each_step_and_absolute_ones_percentiles() -> None:
    reference = state()
    ones = np.ones((40, 132))
    decoded = processor().decode_actions(ones, reference)
    # The gripper's q99 is 1.5; the joints' max grows with the step.
    np.testing.assert_allclose(decoded["gripper_position"], 1.5)
    expected = reference["joint_position"] + 0.1 * np.arange(1, 41)[:, None]
    np.testing.assert_allclose(decoded["joint_position"], expected)


def test_state_uses_percentiles_clips_and_pads() -> None:
    values = state()
    values["joint_position"][:] = [[-9, -1, 0.25, 1.5, 9, 0, 1]]
    encoded = processor().encode_state(values)
    assert encoded.shape == (1, 132) and encoded.dtype == np.float32
    np.testing.assert_allclose(encoded[0, 10:15], [-1, -1, 0, 1, 1])
    assert not encoded[0, 17:].any()


def test_extremes_instead_of_percentiles() -> None:
    values = state()
    values["gripper_position"][:] = 3.0
    assert processor(use_percentiles=False).encode_state(values)[0, 9] == 1.0


def test_no_clipping_when_the_checkpoint_says_so() -> None:
    values = state()
    values["gripper_position"][:] = 9.0
    assert processor(clip_outliers=False).encode_state(values)[0, 9] > 1


def test_excluded_state_is_zero() -> None:
    assert not processor(exclude_state=True).encode_state(state()).any()


def test_masks_and_padding_of_actions() -> None:
    actions = {key: np.zeros((40, dim)) for key, dim in DIMS.items()}
    actions["eef_9d"] = pose(np.random.default_rng(1), 40)
    modality = copy.deepcopy(KWARGS["modality_configs"][DROID])
    modality["action"]["delta_indices"] = list(range(16))
    short = {key: values[:16] for key, values in actions.items()}
    encoded, mask = processor(modality=modality).encode_actions(short, state())
    assert encoded.shape == mask.shape == (40, 132)
    assert mask[:16, :17].all() and mask.sum() == 16 * 17
    assert not encoded[16:].any() and not encoded[:, 17:].any()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_actions_survive_the_way_there_and_back(seed: int) -> None:
    generator = np.random.default_rng(seed)
    reference = state()
    frame = geometry.pose9_to_matrix(reference["eef_9d"][0])
    # Small motions stay within the statistics, where nothing is clipped.
    small = np.concatenate(
        [generator.uniform(-0.05, 0.05, (40, 3)), np.ones((40, 1)), np.zeros((40, 3))], axis=1
    )
    motions = geometry.pose_to_matrix(small)
    actions = {
        "eef_9d": geometry.matrix_to_pose9(geometry.compose(frame, motions)),
        "gripper_position": generator.uniform(-1, 1.5, (40, 1)),
        "joint_position": reference["joint_position"] + generator.uniform(-0.1, 0.1, (40, 7)),
    }
    numbers = processor()
    encoded, _ = numbers.encode_actions(actions, reference)
    decoded = numbers.decode_actions(encoded.astype(np.float64), reference)
    for key in actions:
        np.testing.assert_allclose(decoded[key], actions[key], atol=2e-6)


def test_relative_actions_can_be_switched_off() -> None:
    decoded = processor(use_relative_action=False).decode_actions(np.ones((40, 132)), state())
    np.testing.assert_allclose(decoded["joint_position"], 1.5)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), config=st.sampled_from([POSE_ROT6D, POSE_ROTVEC, NUMBERS]))
def test_relative_and_back(seed: int, config: ActionConfig) -> None:
    generator = np.random.default_rng(seed)
    poses = pose(generator, 5)
    if config is POSE_ROTVEC:
        poses = np.concatenate([poses[:, :3], generator.uniform(-1, 1, (5, 3))], axis=1)
    actions, reference = poses[1:], poses[0]
    back = to_absolute(config, to_relative(config, actions, reference), reference)
    np.testing.assert_allclose(back, actions, atol=1e-9)


def test_relative_pose_is_seen_from_the_end_effector() -> None:
    # The gripper is turned a quarter about z: base x is its -y.
    turned = np.array([0.5, 0, 0, 0, -1, 0, 1, 0, 0])
    moved = turned + np.array([0.1, 0, 0, 0, 0, 0, 0, 0, 0])
    relative = to_relative(POSE_ROT6D, moved[None], turned)
    np.testing.assert_allclose(relative, [[0, -0.1, 0, 1, 0, 0, 0, 1, 0]], atol=1e-12)


def test_relative_non_eef_is_elementwise() -> None:
    poses = pose(np.random.default_rng(2), 3)
    np.testing.assert_allclose(to_relative(NUMBERS, poses[1:], poses[0]), poses[1:] - poses[0])


@given(
    values=arrays(np.float64, (4, 3), elements=st.floats(-10, 10)),
    low=arrays(np.float64, 3, elements=st.floats(-10, -0.1)),
    high=arrays(np.float64, 3, elements=st.floats(0.1, 10)),
)
def test_min_max_and_back(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    normalizer = MinMax(low, high, clip=True)
    normalized = normalizer.apply(values)
    assert np.abs(normalized).max() <= 1
    expected = np.clip(values, low, high)
    np.testing.assert_allclose(normalizer.invert(normalized), expected, atol=1e-9)


def test_a_dimension_without_range_is_zero_and_comes_back() -> None:
    normalizer = MinMax(np.array([0.5, 0.0]), np.array([0.5, 1.0]), clip=True)
    np.testing.assert_array_equal(normalizer.apply(np.array([[7.0, 0.5]])), [[0.0, 0.0]])
    np.testing.assert_array_equal(normalizer.invert(np.array([[0.3, 0.0]])), [[0.5, 0.5]])


def test_decoding_clips_to_the_range() -> None:
    normalizer = MinMax(np.zeros(1), np.ones(1), clip=False)
    np.testing.assert_array_equal(normalizer.invert(np.array([[-4.0], [4.0]])), [[0.0], [1.0]])


def test_mean_and_deviation() -> None:
    normalizer = MeanStd(np.array([1.0, 2.0]), np.array([2.0, 0.0]), clip=False)
    normalized = normalizer.apply(np.array([[5.0, 7.0]]))
    np.testing.assert_array_equal(normalized, [[2.0, 7.0]])
    np.testing.assert_array_equal(normalizer.invert(normalized), [[5.0, 7.0]])


def test_sines_then_cosines() -> None:
    encoded = SinCos(2).apply(np.array([[0.0, np.pi / 2]]))
    np.testing.assert_allclose(encoded, [[0, 1, 1, 0]], atol=1e-12)


def test_encodings_that_the_modality_names() -> None:
    modality = copy.deepcopy(KWARGS["modality_configs"][DROID])
    modality["state"]["sin_cos_embedding_keys"] = ["joint_position"]
    modality["state"]["mean_std_embedding_keys"] = ["gripper_position"]
    values = state()
    encoded = processor(modality=modality, apply_sincos_state_encoding=True).encode_state(values)
    np.testing.assert_allclose(encoded[0, 9], (0.3 - 0.25) / 0.5, rtol=1e-6)
    np.testing.assert_allclose(encoded[0, 10:17], np.sin(values["joint_position"][0]), atol=1e-6)
    np.testing.assert_allclose(encoded[0, 17:24], np.cos(values["joint_position"][0]), atol=1e-6)


def test_state_key_names_the_reference() -> None:
    modality = copy.deepcopy(KWARGS["modality_configs"][DROID])
    modality["state"]["modality_keys"].append("desired_joints")
    modality["action"]["action_configs"][2]["state_key"] = "desired_joints"
    statistics = copy.deepcopy(STATISTICS)
    statistics[DROID]["state"]["desired_joints"] = bounds(7)
    values = {**state(), "desired_joints": np.full((1, 7), 0.5)}
    decoded = processor(statistics, modality).decode_actions(np.zeros((40, 132)), values)
    np.testing.assert_allclose(decoded["joint_position"], 0.5)


def test_the_last_of_several_states_is_the_reference() -> None:
    values = {key: np.repeat(value, 2, axis=0) for key, value in state().items()}
    values["joint_position"][-1] = 0.25
    decoded = processor().decode_actions(np.zeros((40, 132)), values)
    np.testing.assert_allclose(decoded["joint_position"], 0.25)


def test_delta_is_refused_by_name() -> None:
    modality = copy.deepcopy(KWARGS["modality_configs"][DROID])
    modality["action"]["action_configs"][0]["rep"] = "DELTA"
    with pytest.raises(UserError, match="'eef_9d' has representation DELTA"):
        processor(modality=modality)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "ARM"}, "ActionType 'ARM', expected one of EEF, NON_EEF"),
        ({"format": "DEFAULT"}, "RELATIVE EEF with format DEFAULT"),
        ({"state_key": "joint_position"}, "relative to state 'joint_position' of 7 numbers"),
        ({"state_key": "nothing"}, "relative to state 'nothing' of 0 numbers"),
    ],
)
def test_wrong_action_configs(change: dict[str, str], message: str) -> None:
    modality = copy.deepcopy(KWARGS["modality_configs"][DROID])
    modality["action"]["action_configs"][0] |= change
    with pytest.raises(UserError, match=message):
        processor(modality=modality)


def test_a_horizon_longer_than_the_checkpoints() -> None:
    modality = copy.deepcopy(KWARGS["modality_configs"][DROID])
    modality["action"]["delta_indices"] = list(range(50))
    with pytest.raises(UserError, match="50 steps of action .* at most 40"):
        processor(modality=modality)


def test_more_numbers_than_the_network_has() -> None:
    with pytest.raises(UserError, match="17 state numbers, expected at most 16"):
        processor(max_state_dim=16)


def test_relative_statistics_that_are_too_short() -> None:
    statistics = copy.deepcopy(STATISTICS)
    statistics[DROID]["relative_action"]["joint_position"] = per_step(7, steps=16)
    with pytest.raises(UserError, match="cover 16 steps, expected 40"):
        processor(statistics)


@pytest.mark.parametrize("group", ["state", "action", "relative_action"])
def test_missing_statistics_are_named(group: str) -> None:
    statistics = copy.deepcopy(STATISTICS)
    key = "gripper_position" if group == "action" else "joint_position"
    del statistics[DROID][group][key]
    with pytest.raises(UserError, match=f"no {group}.{key} for embodiment '{DROID}'"):
        processor(statistics)
