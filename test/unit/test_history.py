"""A codec that reads the past: what the buffer keeps for it, and what the model gets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec, Video
from groot_ros.codecs.parts import ObservationPart
from groot_ros.errors import UserError
from groot_ros.observation.buffer import ObservationBuffer
from groot_ros.observation.types import Image
from groot_ros.policy import Inputs
from groot_ros.robot.config import load_robot, with_max_ages

ROBOT = with_max_ages(load_robot("sim"), 1.0, 1.0)
CAMERAS = ("exterior", "wrist")
MS = 1_000_000


def with_history(video: tuple[int, ...], state: tuple[int, ...] = (0,)) -> Codec:
    codec = find_codec("ee_rot6d").codec(ROBOT)
    parts = tuple(replace(part, history=state) for part in codec.state.parts)
    pictures = {key: replace(part, history=video) for key, part in codec.video.parts.items()}
    return replace(codec, state=ObservationPart(parts), video=Video(pictures))


def grey(value: int) -> Image:
    return np.full((8, 8, 3), value, np.uint8)


def filled(codec: Codec, stamps_ms: list[int]) -> ObservationBuffer:
    """Pictures whose grey is their number, and a gripper that closes by 1/1000 each ms."""
    inputs = Inputs.of(codec)
    buffer = ObservationBuffer(ROBOT, inputs.fields, inputs.cameras, inputs.past_ns)
    for number, stamp_ms in enumerate(stamps_ms):
        buffer.add("grip", stamp_ms * MS, np.array(stamp_ms / 1000))
        buffer.add("ee_pose", stamp_ms * MS, np.array([0.5, 0, 0.3, 0, 1, 0, 0]))
        for camera in CAMERAS:
            buffer.add_image(camera, stamp_ms * MS, lambda number=number: grey(number))
    return buffer


def test_the_model_gets_the_moments_that_its_steps_name() -> None:
    codec = with_history((-2, 0), (-1, 0))
    buffer = filled(codec, list(range(0, 1000, 20)))
    observation, _ = buffer.observe(1000 * MS, "do")
    inputs = codec.encode(observation)
    # A step lasts 66.7 ms: the newest picture that was there 133 ms before the last one.
    video = inputs.video["exterior_image_1"]
    assert video.shape == (2, 224, 224, 3)
    assert [int(frame.max()) for frame in video] == [(980 - 134) // 20, 49]
    assert inputs.state["grip"].shape == (2, 1)
    np.testing.assert_allclose(inputs.state["grip"][:, 0], [0.98 - 1 / 15, 0.98], atol=1e-6)
    now = codec.now.encode(replace(observation, past={}))
    assert now.video["exterior_image_1"].shape[0] == now.state["grip"].shape[0] == 1


@given(st.lists(st.integers(1, 400), min_size=1, max_size=20))
def test_at_the_beginning_the_oldest_stands_for_what_was_before(gaps_ms: list[int]) -> None:
    codec = with_history((-15, -3, 0))
    stamps_ms = np.cumsum(gaps_ms).tolist()
    observation, _ = filled(codec, stamps_ms).observe(stamps_ms[-1] * MS, "do")
    shown = [int(frame.max()) for frame in codec.encode(observation).video["wrist_image"]]
    for step, found in zip((-15, -3, 0), shown, strict=True):
        wanted_ns = stamps_ms[-1] * MS + step * codec.timing.step_ns
        there = [i for i, stamp_ms in enumerate(stamps_ms) if stamp_ms * MS <= wanted_ns]
        assert found == (there[-1] if there else 0)


def test_without_history_the_newest_picture_is_kept_alone() -> None:
    buffer = filled(with_history((0,)), list(range(0, 1000, 20)))
    assert {len(history.stamps) for history in buffer._cameras.values()} == {1}


def test_an_observation_of_one_moment_is_refused_with_the_reason() -> None:
    codec = with_history((-15, 0))
    observation, _ = filled(codec, [0, 20]).observe(20 * MS, "do")
    with pytest.raises(UserError, match=r"nothing of 15 steps before it, .* history"):
        codec.encode(replace(observation, past={}))


def test_the_simulated_arm_shows_a_policy_its_past(tmp_path: Path) -> None:
    from groot_ros.sim.expert import ScriptedPolicy
    from groot_ros.sim.rollout import RolloutConfig, run_episode
    from groot_ros.sim.simulation import Simulation
    from groot_ros.sim.tasks import Task

    class Remembering(ScriptedPolicy):
        inputs = replace(ScriptedPolicy.inputs, past_ns={-5: 333_333_333})

    simulation = Simulation()
    simulation.reset(1, Task("pick"))
    episode = run_episode(Remembering(), simulation, RolloutConfig(time_limit_s=1.5))
    moments = [moment.observation for moment in episode.moments]
    for seen in moments:
        assert seen.past[-5].images.keys() == seen.images.keys()
    # Pictures come at 15 Hz: the newest that was there then, once there was any.
    aged = [seen for seen in moments if seen.stamp_ns > moments[0].stamp_ns + 0.5e9]
    ages_s = [(seen.stamp_ns - seen.past[-5].stamp_ns) / 1e9 for seen in aged]
    assert ages_s and all(1 / 3 <= age_s + 1e-6 < 0.5 for age_s in ages_s)
