"""What is looked at in a chunk before a motion is computed from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_chunks import STEP, S, line

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.admission import Borders, Refused, early_reason
from groot_ros.chunks.limits.bounds import refusal
from groot_ros.robot.limits import Limits
from groot_ros.signals.signals import EE_POSE, arm_signals

LIMITS = Limits(workspace_min=(-1, -1, 0), workspace_max=(2, 1, 1), linear_velocity=0.5)
BORDERS = Borders(signal=EE_POSE, limits=LIMITS, longest_s=10.0, margin_m=0.02)
DOWN = (0.0, 1.0, 0.0, 0.0)


def poses(*places: tuple[float, float, float]) -> np.ndarray:
    return np.array([[*place, *DOWN] for place in places])


def test_a_chunk_within_everything_is_the_same() -> None:
    bounded = BORDERS.bounded(line())
    assert bounded.projected_steps == 0
    np.testing.assert_array_equal(bounded.chunk.signals["ee_pose"], line().signals["ee_pose"])


def test_a_small_excess_is_moved_to_the_border_and_counted() -> None:
    inside, below, corner = (0.1, 0, 0.5), (0.1, 0, -0.019), (2.01, -1.01, 0.5)
    chunk = Chunk(
        0,
        STEP,
        signals=arm_signals(
            ee_pose=poses(inside, below, corner), grip=np.array([1.003, -0.2, 0.5])
        ),
    )
    bounded = BORDERS.bounded(chunk)
    assert bounded.projected_steps == 3
    places = poses(inside, (0.1, 0, 0.0), (2.0, -1.0, 0.5))
    np.testing.assert_array_equal(bounded.chunk.signals["ee_pose"], places)
    np.testing.assert_array_equal(bounded.chunk.signals["grip"], [1.0, 0.0, 0.5])
    assert refusal(bounded.chunk, EE_POSE, LIMITS) is None


def test_a_larger_excess_is_left_to_be_refused() -> None:
    chunk = Chunk(0, STEP, signals=arm_signals(ee_pose=poses((0.1, 0, 0.5), (0.1, 0, -0.021))))
    bounded = BORDERS.bounded(chunk)
    assert bounded.projected_steps == 0
    assert "step 1 has z = -0.021 m, allowed 0 to 1" in str(
        refusal(bounded.chunk, EE_POSE, LIMITS)
    )


def spoilt(column: int, value: float) -> Chunk:
    values = line().signals["ee_pose"].copy()
    values[3, column] = value
    return line().replaced({"ee_pose": values})


@pytest.mark.parametrize(
    ("chunk", "reason"),
    [
        (
            Chunk(0, STEP, signals=arm_signals(joint_position=np.ones((16, 7)))),
            "no ee_pose, which output.profile",
        ),
        (spoilt(0, float("nan")), "ee_pose holds NaN or infinity"),
        (spoilt(5, float("inf")), "ee_pose holds NaN or infinity"),
        (spoilt(0, 1e300), "ee_pose holds 1e+300, at most 1000 is allowed"),
        (spoilt(4, 0.0), "step 3 has a quaternion of length"),
        (line().replaced({"grip": np.full(16, 1e6)}), "step 0 has grip = 1e+06, allowed 0 to 1"),
        (line().replaced({"grip": np.full(16, -0.26)}), "step 0 has grip = -0.26, allowed 0 to 1"),
        (line().replaced({"grip": np.full(16, float("nan"))}), "grip holds NaN or infinity"),
        (replace(line(), step_ns=S), "it lasts 15.0 s, at most 10 s are allowed (parameter long"),
        (replace(line(), step_ns=2 * 10**18), "it lasts 30000000000.0 s"),
        (spoilt(0, 40.0), "it would take 1199 s within the velocity limits, at most 60 s"),
    ],
)
def test_what_is_far_outside_is_refused_with_its_reason(chunk: Chunk, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        BORDERS.bounded(chunk)
    assert reason in str(refused.value)


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=21, max_size=21),
    st.integers(1, 2**62),
)
def test_any_numbers_are_bounded_or_refused(numbers: list[float], step_ns: int) -> None:
    values = np.array(numbers[:21]).reshape(3, 7)
    try:
        bounded = BORDERS.bounded(
            Chunk(0, step_ns, signals=arm_signals(ee_pose=values, grip=values[:, 0]))
        )
    except Refused as refused:
        assert len(str(refused)) < 200
        return
    chunk = bounded.chunk
    assert np.isfinite(chunk.signals["ee_pose"]).all() and chunk.signals["grip"].min() >= 0
    assert chunk.signals["grip"].max() <= 1


@pytest.mark.parametrize("step_ns", [STEP, 10 * S])
def test_a_stamp_ahead_of_the_clock_is_refused_however_long_the_steps(step_ns: int) -> None:
    chunk = replace(line(stamp=S), step_ns=step_ns)
    assert "its stamp is 1.00 s in the future" in str(early_reason(chunk, 0))
