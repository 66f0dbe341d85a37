"""Chunks on the wire: what goes out comes in again, and what is no chunk says why."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builtin_interfaces.msg import Duration
from hypothesis import given
from hypothesis import strategies as st
from std_msgs.msg import Header

from groot_ros.chunks import message as wire
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.grading import Grade, Verdict
from groot_ros.chunks.message import from_action_chunk
from groot_ros.nodes.messages import to_action_chunk
from groot_ros.signals.signals import arm_signals
from groot_ros_msgs.msg import ActionChunk, Track

STEP_NS = 1_000_000_000 // 15
JOINTS = ["elbow", "wrist"]
ROOT = Path(__file__).parents[2]


def chunk(steps: int = 4, seed: int = 0, parts: tuple[str, ...] = tuple(wire.SIGNALS)) -> Chunk:
    rng = np.random.default_rng(seed)
    signals: dict[str, Any] = {
        "ee_pose": rng.normal(size=(steps, 7)),
        "joint_position": rng.normal(size=(steps, len(JOINTS))),
        "grip": rng.uniform(size=steps),
    }
    kept = arm_signals(**{name: signals[name] for name in parts})
    return Chunk(10**18 + 5, STEP_NS, 7, kept, Verdict(Grade.WARN, "new"))


@given(st.integers(1, 60), st.integers(0, 99), st.sets(st.sampled_from(sorted(wire.SIGNALS))))
def test_a_chunk_is_the_same_after_the_wire(steps: int, seed: int, parts: set[str]) -> None:
    sent = chunk(steps, seed, tuple({"ee_pose", *parts}))
    message = to_action_chunk(sent, "base", JOINTS)
    received = from_action_chunk(message)
    assert list(received.signals) == list(sent.signals)
    for received_values, values in zip(received.signals.arrays, sent.signals.arrays, strict=True):
        np.testing.assert_array_equal(received_values, values)
    assert received.step_times_ns().tolist() == sent.step_times_ns().tolist()
    assert (received.epoch, received.verdict) == (7, Verdict(Grade.WARN, "new"))


def test_quaternions_are_xyzw_on_messages() -> None:
    pose = np.array([[1.0, 2.0, 3.0, 0.5, -0.5, 0.1, 0.7]])
    message = to_action_chunk(Chunk(1, STEP_NS, signals=arm_signals(ee_pose=pose)), "base", [])
    assert message.tracks[0].values.tolist() == [1.0, 2.0, 3.0, -0.5, 0.1, 0.7, 0.5]
    assert message.tracks[0].frame == "base"


MALFORMED: list[tuple[Callable[[ActionChunk], Any], str]] = [
    (lambda m: setattr(m, "horizon", 2**32 - 1), "its horizon is 4294967295 steps, expected 1"),
    (lambda m: setattr(m, "horizon", 3), "track ee_pose has 28 numbers, expected 3 steps of 7"),
    (lambda m: setattr(m, "step_duration", Duration(sec=2_000_000_000)), "2e+09 s, expected"),
    (lambda m: setattr(m, "step_duration", Duration(sec=-1)), "step_duration is -1 s, expected"),
    (lambda m: setattr(m, "grade", 9), "its grade is 9"),
    (lambda m: setattr(m, "instruction", "x" * 10_000_000), "instruction has 10000000 characters"),
    (lambda m: setattr(m, "grade_reason", "x" * 10_000_000), "grade_reason has 10000000"),
    (lambda m: setattr(m, "header", Header(frame_id="x" * 10_000_000)), "frame_id has 10000000"),
    (lambda m: m.tracks.extend([Track()] * 1000), "it has 1003 tracks, at most 16"),
    (lambda m: m.tracks.append(m.tracks[0]), "it has two tracks ee_pose"),
    (lambda m: setattr(m, "tracks", m.tracks[2:]), "no track of kind pose or joints"),
    (lambda m: setattr(m.tracks[0], "name", "force"), "its track 'force' is none of ee_pose, jo"),
    (lambda m: setattr(m.tracks[0], "name", "x" * 10_000_000), "more than 128 characters"),
    (lambda m: setattr(m.tracks[0], "kind", "vector"), "ee_pose is of kind 'vector', expected po"),
    (lambda m: setattr(m.tracks[1], "names", ["j"] * 1000), "more than 64 names"),
    (lambda m: setattr(m.tracks[1], "names", ["x" * 10_000_000]), "more than 64 names, or one of"),
    (lambda m: setattr(m.tracks[1], "names", []), "joint_position has 8 numbers, expected"),
    (lambda m: setattr(m.tracks[2], "values", [0.0] * 5), "track grip has 5 numbers, expected 4"),
    (lambda m: setattr(m.tracks[2], "values", [0.0] * 10**7), "track grip has 10000000 numbers"),
]


@pytest.mark.parametrize(("spoil", "reason"), MALFORMED)
def test_what_is_no_chunk_is_a_short_sentence(
    spoil: Callable[[ActionChunk], Any], reason: str
) -> None:
    message = to_action_chunk(chunk(), "base", JOINTS)
    spoil(message)
    with pytest.raises(ValueError) as refused:
        from_action_chunk(message)
    assert reason in str(refused.value) and len(str(refused.value)) < 300


def test_the_example_reads_what_a_policy_sends() -> None:
    example = runpy.run_path(str(ROOT / "examples/python/chunk_reader.py"))
    (pose,) = example["lines"](to_action_chunk(chunk(parts=("ee_pose",)), "base", JOINTS))
    assert pose.startswith("chunk 0: ee_pose (4, 7), first [")
    assert list(example["lines"](ActionChunk(epoch=3))) == ["everything before epoch 3 is void"]
