"""A codec with a history is trained with the moments that the robot will show it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from training_options import options

from groot_ros.codecs.catalog import codec_path, find_codec
from groot_ros.codecs.codec import Codec
from groot_ros.data.datasets.reader import Dataset
from groot_ros.errors import UserError
from groot_ros.model.inference.loaded import Groot
from groot_ros.observation.buffer import ObservationBuffer
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import PolicyChoice, make_policy
from groot_ros.policy import Inputs
from groot_ros.robot.config import load_robot, with_max_ages
from groot_ros.training.config import make_config
from groot_ros.training.data.augmentation import Change
from groot_ros.training.data.pictures import (
    PictureSource,
    VideoPictures,
    hold_frames,
    prepare_pictures,
)
from groot_ros.training.open_loop import compare
from groot_ros.training.preparation import Part, prepare_training
from groot_ros.training.run import train

ROBOT = with_max_ages(load_robot("sim"), 1e6, 1e6)
STATE, VIDEO = (-2, -1, 0), (-15, 0)


@pytest.fixture(scope="module")
def codec_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """ee_rot6d_joints_rel with three moments of state and two of pictures."""
    values = yaml.safe_load(codec_path("ee_rot6d_joints_rel").read_text())
    for group, steps in ("state", STATE), ("video", VIDEO):
        for entry in values[group].values():
            entry["history"] = list(steps)
    path = tmp_path_factory.mktemp("codec") / "remembers.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return str(path)


@pytest.fixture(scope="module")
def part(dataset: Path, codec_file: str) -> Part:
    given = options(dataset, Path("unused"), "x", modality_config=codec_file)
    return prepare_training(make_config(given)).parts[0]


def shown_live(
    part: Part, codec: Codec, pictures: VideoPictures, row: int
) -> tuple[Mapping[str, np.ndarray], np.ndarray]:
    """State {key: (T, D)} and pictures (T * V, H, W, 3) of a node that saw the episode so far."""
    table, inputs, step_ns = part.table, Inputs.of(codec), codec.timing.step_ns
    buffer = ObservationBuffer(ROBOT, inputs.fields, inputs.cameras, inputs.past_ns)
    for earlier in range(table.start[row], row + 1):
        stamp_ns = int(table.frame[earlier]) * step_ns
        for signal in codec.state.parts:
            buffer.add(
                signal.signal.name, stamp_ns, signal.values(table.state[signal.key][earlier])
            )
        frames = pictures.frames(np.array([earlier]))
        for frame, camera in zip(frames, codec.video.cameras.values(), strict=True):
            buffer.add_image(camera, stamp_ns, lambda frame=frame: frame)
    observation, _ = buffer.observe(stamp_ns, "do")
    moments = [observation.at(step) for step in codec.video.history]
    views = [moment.images[c] for moment in moments for c in codec.video.cameras.values()]
    return codec.state.encode(observation), np.stack(views)


def test_training_sees_the_past_that_the_live_node_sees(
    dataset: Path, codec_file: str, part: Part
) -> None:
    assert part.processor.modality.state_delta == STATE
    assert part.processor.modality.video_delta == VIDEO
    codec = find_codec(codec_file).codec(ROBOT)
    assert round(1e9 / codec.timing.step_ns) == Dataset(dataset).fps
    table, pictures = part.table, VideoPictures(part.table, part.processor)
    second = int(table.end[0])
    # The first rows of an episode, and those around where its past is whole.
    for row in (second, second + 1, second + 14, second + 15, second + 17):
        state, video = shown_live(part, codec, pictures, row)
        observed = table.observed(row, STATE)
        assert observed.keys() == state.keys()
        for key, values in state.items():
            np.testing.assert_allclose(values, observed[key], atol=1e-6)
        np.testing.assert_array_equal(video, pictures.frames(table.moments(row, VIDEO)))
    np.testing.assert_array_equal(table.moments(second + 3, VIDEO), [second, second + 3])


def test_pictures_in_memory_are_those_of_the_videos(part: Part) -> None:
    from_videos = VideoPictures(part.table, part.processor)
    held: list[PictureSource] = [
        hold(part.table, part.processor, 1) for hold in (prepare_pictures, hold_frames)
    ]
    for row in (0, 20, len(part.table) - 1):
        rows = part.table.moments(row, VIDEO)
        expected = from_videos(rows, Change())
        assert len(expected) == 4
        for pictures in held:
            assert torch.equal(pictures(rows, Change()), expected)


def test_it_trains_compares_and_runs(dataset: Path, codec_file: str, tmp_path: Path) -> None:
    few = {"num_train_steps": 1, "eval_episodes": 1}
    checkpoint = train(
        make_config(options(dataset, tmp_path, "a", modality_config=codec_file, **few))
    )
    model = Groot.load(checkpoint)
    assert model.modality.state_delta == STATE and model.modality.video_delta == VIDEO
    assert compare(checkpoint, dataset, chunks=2).predicted["ee_pose"].shape == (2, 16, 9)
    policy = make_policy(
        PolicyChoice("local", codec_file, LocalPolicyConfig(str(checkpoint))), load_robot("sim")
    )
    # Warming up predicts with a past.
    policy.open()
    assert sorted(policy.inputs.past_ns) == [-15, -2, -1]
    policy.close()
    given = options(dataset, tmp_path, "b", base_model=str(checkpoint))
    with pytest.raises(UserError, match="reads the state at 1 steps, but checkpoint-1 at 3"):
        prepare_training(make_config(given))
