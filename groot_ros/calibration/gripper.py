"""How long a gripper takes to close, from commands that tell it to at once.

A closing is a command that is at least `LEAST_STROKE` above the one before. The measured closure
goes from g0, where it is then, to g1, where it rests (it may rest at an object). Between the times
t5 and t95 at which 5 % and 95 % of the way are done, a gripper of constant speed does
0.9 (g1 - g0), so that a whole stroke, from open to closed, takes

    (t95 - t5) / (0.9 (g1 - g0))

whatever it closes on, and it begins to move at t5 - (t95 - t5) / 18. Medians of all closings; the
intervals are those of the medians of closings drawn anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.calibration.latency import Shown
from groot_ros.calibration.matching import RESAMPLED, Estimate, NotEstimable
from groot_ros.calibration.recording import CalibrationRecording
from groot_ros.data.playback.signals import Signal
from groot_ros.observation.fields import NS
from groot_ros.signals.signals import GRIP

Array = NDArray[np.float64]

LEAST_STROKE, LEAST_WAY = 0.5, 0.1
LONGEST_S = 4.0
# At rest the closure stays within this.
REST = 0.01
LEAST_CLOSINGS = 3
LOW, HIGH = 0.05, 0.95


@dataclass(frozen=True, kw_only=True)
class Closing:
    """From the commands to close, in s."""

    begin: Estimate
    """Until the gripper moves, by the clocks of both streams."""
    stroke: Estimate
    """From open to closed."""
    count: int
    shown: Shown


@dataclass(frozen=True)
class _Stroke:
    begin_s: float
    stroke_s: float
    shown: Shown


def find_closing(recordings: Sequence[CalibrationRecording]) -> Closing:
    """The closing time of the gripper; NotEstimable says why not."""
    strokes = [stroke for recording in recordings for stroke in _strokes(recording)]
    if len(strokes) < LEAST_CLOSINGS:
        raise NotEstimable(
            f"the gripper closes {len(strokes)} times on one command, at least {LEAST_CLOSINGS} "
            "are needed: record more of it"
        )
    begins = np.array([stroke.begin_s for stroke in strokes])
    lengths = np.array([stroke.stroke_s for stroke in strokes])
    middle = int(np.argsort(lengths)[len(lengths) // 2])
    return Closing(
        begin=_median(begins),
        stroke=_median(lengths),
        count=len(strokes),
        shown=strokes[middle].shown,
    )


def _median(values: Array) -> Estimate:
    rng = np.random.default_rng(0)
    again = np.median(rng.choice(values, (RESAMPLED, len(values))), axis=1)
    return Estimate.of(float(np.median(values)), again)


def _strokes(recording: CalibrationRecording) -> Iterator[_Stroke]:
    command, grip = recording.commands.get(GRIP.name), recording.states.get(GRIP.name)
    if not command or not grip:
        return
    jumps = np.flatnonzero(np.diff(command.values) >= LEAST_STROKE) + 1
    for jump in jumps:
        later = np.flatnonzero(np.abs(command.values[jump:] - command.values[jump]) > REST)
        end_ns = int(command.times_ns[jump]) + round(LONGEST_S * NS)
        if len(later):
            end_ns = min(end_ns, int(command.times_ns[jump + later[0]]))
        if stroke := _stroke(grip, int(command.times_ns[jump]), end_ns):
            yield stroke


def _stroke(grip: Signal, start_ns: int, end_ns: int) -> _Stroke | None:
    """None where the gripper does not close, or has not come to rest in time."""
    within = (grip.times_ns >= start_ns) & (grip.times_ns <= end_ns)
    times_s = (grip.times_ns[within] - start_ns) / NS
    if len(times_s) < 2 or grip.times_ns[0] > start_ns:
        return None
    closure = grip.values[within]
    before = float(grip.held(np.array([start_ns]))[0])
    way = float(closure[-1]) - before
    rests = times_s >= times_s[-1] - LONGEST_S / 20
    if way < LEAST_WAY or np.ptp(closure[rests]) > REST:
        return None
    done = np.concatenate([[0.0], np.maximum.accumulate((closure - before) / way)])
    known_s = np.concatenate([[0.0], times_s])
    low_s, high_s = (_first_at(known_s, done, share) for share in (LOW, HIGH))
    slope_s = (high_s - low_s) / (HIGH - LOW)
    told = np.clip((times_s - low_s) / max(slope_s, 1e-9) + LOW, 0.0, 1.0) * way + before
    return _Stroke(
        begin_s=max(0.0, low_s - LOW * slope_s),
        stroke_s=slope_s / way,
        shown=Shown(times_s=times_s, seen=closure, told=told),
    )


def _first_at(times_s: Array, done: Array, share: float) -> float:
    """When a share of the way is done first; `done` never falls."""
    index = int(np.searchsorted(done, share))
    index = min(max(index, 1), len(done) - 1)
    before, after = done[index - 1], done[index]
    part = (share - before) / (after - before) if after > before else 1.0
    return float(times_s[index - 1] + part * (times_s[index] - times_s[index - 1]))
