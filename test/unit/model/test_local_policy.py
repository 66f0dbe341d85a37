"""GR00T behind the Policy interface: what it continues, in absolute and in relative variants."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groot_ros.chunks.envelope import measure_envelope
from groot_ros.chunks.grading import Grade, Verdict
from groot_ros.chunks.progress import Continuation, Progress
from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.geometry import rotation_angle
from groot_ros.observation.types import Observation
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.local import LocalPolicy
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import arm_signals

VARIANT = "ee_rot6d_joints"
POSE = np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])


def observation(stamp_ns: int, x: float) -> Observation:
    rng = np.random.default_rng(stamp_ns)
    cameras = ("exterior", "wrist")
    return Observation(
        stamp_ns=stamp_ns,
        images={name: rng.integers(0, 255, (48, 64, 3), np.uint8) for name in cameras},
        instruction="pick up the red cube",
        signals=arm_signals(
            ee_pose=np.array([x, *POSE[1:]]), joint_position=np.zeros(7), grip=0.0
        ),
    )


@pytest.mark.parametrize("variant", ["ee_rot6d", "ee_rot6d_rel"])
def test_frozen_steps_of_the_running_chunk_are_kept(variant: str, tmp_path: Path) -> None:
    """The arm lags behind the running chunk; the steps stay where they were."""
    folder = tmp_path / "tiny"
    arguments = ["--size=tiny", f"--variant={variant}", f"--output={folder}"]
    assert main(["init-checkpoint", *arguments]) == 0
    robot = load_robot("sim")
    policy = LocalPolicy(LocalPolicyConfig(str(folder)), find_codec(variant), robot)
    policy.open()
    assert policy.no_continuation == ""
    # Steps that the checkpoint's statistics cover; what lies beyond them would be clipped.
    running = policy.predict(observation(0, 0.5))
    near = POSE + 0.1 * (running.signals["ee_pose"] - POSE)
    near[:, 3:] = POSE[3:]
    running = running.replaced({"ee_pose": near})
    continuation = Continuation()
    continuation.published(1, running, 0)
    step_ns = running.step_ns
    continuation.measured(Progress(3 * step_ns, 1, 0, step=3.0, rate=1.0, delay_steps=2.0))
    prefix = continuation.prefix(4 * step_ns)
    assert prefix is not None and prefix.frozen_steps == 3
    chunk = policy.predict(observation(4 * step_ns, near[4, 0] - 0.002), prefix)
    np.testing.assert_allclose(chunk.signals["ee_pose"][:3, :3], near[4:7, :3], atol=1e-3)
    assert rotation_angle(chunk.signals["ee_pose"][:3, 3:], near[4:7, 3:]).max() < 5e-3
    policy.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    arguments = ["--size=tiny", f"--variant={VARIANT}", f"--output={folder}"]
    assert main(["init-checkpoint", *arguments]) == 0
    return folder


def open_policy(folder: Path, **options: Any) -> LocalPolicy:
    policy = LocalPolicy(
        LocalPolicyConfig(str(folder), **options), find_codec(VARIANT), load_robot("sim")
    )
    policy.open()
    return policy


def test_a_checkpoint_with_an_envelope_grades_what_is_seen(tiny: Path) -> None:
    strange = observation(0, 0.5).replaced({"joint_position": np.full(7, 90.0)})
    policy = open_policy(tiny)
    assert policy.predict(strange).verdict == Verdict()
    policy.close()
    modality = find_codec(VARIANT).codec(load_robot("sim")).modality()
    rng = np.random.default_rng(0)
    episodes = [(rng.normal(size=(50, 17)), rng.normal(size=(50, 10))) for _ in range(3)]
    metadata = json.loads((tiny / "groot_ros.json").read_text())
    metadata["envelope"] = measure_envelope(modality, episodes, 15.0)
    (tiny / "groot_ros.json").write_text(json.dumps(metadata))
    policy = open_policy(tiny)
    verdict = policy.predict(strange).verdict
    assert verdict.grade is Grade.HOLD
    assert "observed joint_position fr3_joint" in verdict.reason
    assert policy.predict(observation(10**10, 0.5)).verdict == Verdict()


def test_noise_of_a_seed_begins_anew_with_every_episode(tiny: Path) -> None:
    policy = open_policy(tiny, seed=5)
    first, second = (policy.predict(observation(0, 0.5)).signals["ee_pose"] for _ in range(2))
    policy.reset("again")
    np.testing.assert_array_equal(policy.predict(observation(0, 0.5)).signals["ee_pose"], first)
    assert np.abs(first - second).max() > 1e-6
