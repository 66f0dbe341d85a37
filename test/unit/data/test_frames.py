"""Steps, the pictures that they take, and what is dropped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.data.playback.frames import Frame, Refusal, StepClock, take_frames
from groot_ros.data.playback.losses import Drops
from groot_ros.data.playback.signals import Signal, SignalSamples
from groot_ros.observation.buffer import Ages, Snapshot

STEP_NS = 66_666_667
MAX_AGE_NS = 300_000_000
START_NS = 1_000_000_000_000


def snapshot(stamp_ns: int) -> Snapshot:
    return Snapshot(stamp_ns, (), (), {}, Ages({}, 0.0))


def frames(stamps: list[int], period_ns: int, drops: Drops | None = None) -> list[Frame]:
    clock = StepClock(STEP_NS, min(period_ns, STEP_NS) // 2, MAX_AGE_NS)
    observed: Iterator[Snapshot | Refusal] = (snapshot(stamp) for stamp in stamps)
    return list(take_frames(observed, clock, START_NS, drops or Drops()))


@given(
    st.floats(10.0, 90.0),
    st.lists(st.floats(-0.3, 0.3), min_size=40, max_size=80),
)
def test_steps_are_even_and_take_a_picture_near_them(rate_hz: float, jitters: list[float]) -> None:
    period_ns = round(1e9 / rate_hz)
    stamps = [START_NS + round((i + j) * period_ns) for i, j in enumerate(jitters)]
    found = frames(stamps, period_ns)
    assert [frame.index for frame in found] == list(range(len(found)))
    assert np.all(np.diff([frame.time_ns for frame in found]) == STEP_NS)
    span_ns = stamps[-1] - stamps[0]
    assert abs(len(found) - span_ns / STEP_NS) <= 2
    offset_ns = min(period_ns, STEP_NS) // 2
    for frame in found:
        ahead_ns = frame.snapshot.stamp_ns - frame.time_ns
        assert ahead_ns <= offset_ns
        # Nothing newer was there to be taken.
        assert not [s for s in stamps if frame.snapshot.stamp_ns < s < frame.time_ns + offset_ns]


@given(st.lists(st.floats(-0.45, 0.45), min_size=20, max_size=60))
def test_every_picture_is_used_once_at_its_own_rate(jitters: list[float]) -> None:
    jitters[0] = 0.0
    stamps = [START_NS + round((i + j) * STEP_NS) for i, j in enumerate(jitters)]
    found = frames(stamps, STEP_NS)
    assert [frame.snapshot.stamp_ns for frame in found][: len(stamps) - 1] == stamps[:-1]
    assert not any(frame.is_duplicate for frame in found)


@given(st.integers(5, 200), st.integers(1, 3000))
def test_steps_of_a_gap_are_dropped_and_counted(before: int, gap_ms: int) -> None:
    period_ns = STEP_NS // 2
    stamps = [START_NS + i * period_ns for i in range(before)]
    gap_ns = gap_ms * 1_000_000 + period_ns
    stamps += [stamps[-1] + gap_ns + i * period_ns for i in range(20)]
    drops = Drops()
    found = frames(stamps, period_ns, drops)
    assert found[-1].index + 1 == len(found) + sum(drops.by_reason.values())
    for frame in found:
        assert frame.time_ns - frame.snapshot.stamp_ns <= MAX_AGE_NS
    if gap_ns <= MAX_AGE_NS:
        assert not drops.by_reason


def test_steps_of_a_refusal_name_its_cause() -> None:
    stamps = [START_NS + i * STEP_NS for i in range(20)]
    observed: list[Snapshot | Refusal] = [
        Refusal(stamp, "grip: older than max_age") if 5 <= i < 9 else snapshot(stamp)
        for i, stamp in enumerate(stamps)
    ]
    drops = Drops()
    clock = StepClock(STEP_NS, STEP_NS // 2, MAX_AGE_NS)
    found = list(take_frames(iter(observed), clock, START_NS, drops))
    assert drops.by_reason == {"grip: older than max_age": 4}
    assert [frame.index for frame in found] == [*range(5), *range(9, 20)]


def test_time_before_the_first_observation_is_counted() -> None:
    drops = Drops()
    observed: list[Snapshot | Refusal] = [Refusal(START_NS, "grip: nothing received yet")]
    observed += [snapshot(START_NS + i * STEP_NS) for i in range(6, 30)]
    clock = StepClock(STEP_NS, STEP_NS // 2, MAX_AGE_NS)
    list(take_frames(iter(observed), clock, START_NS, drops))
    assert drops.by_reason == {"grip: nothing received yet": 6}


def signal_of(pairs: list[tuple[int, float]]) -> Signal:
    samples = SignalSamples()
    for time_ns, value in pairs:
        samples.add(time_ns, value)
    return samples.signal()


def test_samples_are_sorted_and_the_last_of_equal_times_counts() -> None:
    signal = signal_of([(3, 1.0), (1, 2.0), (3, 3.0), (2, 4.0)])
    assert signal.times_ns.tolist() == [1, 2, 3]
    assert signal.values.tolist() == [2.0, 4.0, 3.0]
    assert len(signal_of([])) == 0


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=30, unique=True),
    st.lists(st.integers(-(10**9), 2 * 10**9), min_size=1, max_size=30),
)
def test_interpolated_signal_lies_between_its_neighbours(
    samples: list[int], asked: list[int]
) -> None:
    signal = signal_of([(time, float(time)) for time in samples])
    found = signal.interpolated(np.array(asked), gap_ns=10**10)
    expected = np.clip(asked, min(samples), max(samples))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    held = signal.held(np.array(asked))
    assert np.all((held <= np.maximum(asked, min(samples))) & np.isin(held, samples))


def test_a_gap_between_commands_is_held_not_crossed() -> None:
    signal = signal_of([(0, 0.0), (100_000_000, 1.0), (2_000_000_000, 5.0)])
    times = np.array([50_000_000, 1_500_000_000, 2_000_000_000])
    np.testing.assert_allclose(signal.interpolated(times), [0.5, 1.0, 5.0])
