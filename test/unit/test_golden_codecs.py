"""The shipped codec files make the columns that datasets and checkpoints are made of."""

import json
from pathlib import Path

import numpy as np
import pytest

from groot_ros.codecs.catalog import codec_names, find_codec
from groot_ros.observation.types import Observation
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import arm_signals

# Written by the codecs before they were files.
GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "golden_codecs.json").read_text())


def golden_signals():
    rng = np.random.default_rng(5)
    quats = rng.normal(size=(3, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    return arm_signals(
        ee_pose=np.concatenate([rng.uniform(-1, 1, (3, 3)), quats], 1),
        joint_position=rng.uniform(-2, 2, (3, 7)),
        grip=np.array([0.1, 0.3, 0.9]),
    )


def test_all_of_them_are_known():
    assert set(GOLDEN) <= set(codec_names())


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_names_order_and_numbers_are_as_ever(name):
    golden, file, robot = GOLDEN[name], find_codec(name), load_robot("sim")
    codec, signals = file.codec(robot), golden_signals()
    images = {camera: np.zeros((4, 4, 3), np.uint8) for camera in robot.observations.cameras}
    encoded = codec.encode(Observation(0, images, "", signals.at(0)))
    assert {
        "codec": codec.name,
        "modality_config": file.modality_config,
        "relative": file.relative,
        "labels": codec.labels,
        "video": {
            key: [camera, *encoded.video[key].shape[2:0:-1]]
            for key, camera in codec.video.cameras.items()
        },
        "language": codec.language,
        "horizon": codec.timing.horizon,
        "step_ns": codec.timing.step_ns,
    } == {key: golden[key] for key in golden if key.split("_")[0] not in ("state", "action")}
    for group, features in (("state", codec.features.state), ("action", codec.features.action)):
        # As lists: the order of keys is the order of columns.
        assert [(f.key, list(f.names)) for f in features] == list(golden[group].items())
    row = np.concatenate([columns[0] for columns in encoded.state.values()])
    np.testing.assert_allclose(row, golden["state_row"], atol=1e-6)
    rows = np.concatenate(list(codec.action.encode(signals).values()), axis=1)
    np.testing.assert_allclose(rows, golden["action_rows"], atol=1e-6)
