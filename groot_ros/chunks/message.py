"""Chunks from ROS messages, which are validated before anything is computed from them.

Works on any object with the fields of groot_ros_msgs/ActionChunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.grading import Grade, Verdict
from groot_ros.observation.fields import to_ns
from groot_ros.signals.kinds import KINDS
from groot_ros.signals.signals import ARM, Signals, SignalSpec, of_arm

Array = NDArray[np.float64]

SIGNALS = {spec.name: spec for spec in ARM}
"""The signals that a chunk for a single arm may hold."""
# One of these must be there.
MOVING_KINDS = tuple(name for name, kind in KINDS.items() if kind.is_motion)
# More than any policy makes: 4 s at 250 Hz, three arms with hands, a page of text.
MAX_STEPS = 1000
MAX_TRACKS = 16
MAX_NAMES = 64
MAX_NAME_LENGTH = 128
MAX_TEXT_LENGTH = 4096
MIN_STEP_S, MAX_STEP_S = 1e-3, 10.0


def signals_of(arms: Iterable[str]) -> Mapping[str, SignalSpec]:
    """The signals that a chunk of these arms may hold, by name."""
    named = {of_arm(arm, spec.name): spec for arm in arms for spec in ARM}
    return {name: replace(spec, name=name) for name, spec in named.items()} or SIGNALS


def from_action_chunk(message: Any, signals: Mapping[str, SignalSpec] = SIGNALS) -> Chunk:
    """The chunk of a message that may hold `signals`; ValueError with the reason where it is
    malformed."""
    if reason := malformed(message, signals):
        raise ValueError(reason)
    tracks = message.tracks
    return Chunk(
        stamp_ns=to_ns(message.header.stamp),
        step_ns=to_ns(message.step_duration),
        epoch=message.epoch,
        signals=Signals(
            tuple(_spec(track) for track in tracks),
            tuple(_values(track, message.horizon) for track in tracks),
        ),
        verdict=Verdict(Grade(message.grade), message.grade_reason),
    )


def track_of(message: Any, name: str) -> Any:
    """The track of a signal in a message; None where there is none."""
    return next((track for track in message.tracks if track.name == name), None)


def _spec(track: Any) -> SignalSpec:
    return SignalSpec(track.name, KINDS[track.kind], tuple(track.names), track.frame)


def _values(track: Any, horizon: int) -> Array:
    """Values (T, ...) of a track."""
    kind = KINDS[track.kind]
    values = np.array(track.values, dtype=np.float64)
    return kind.from_message(values.reshape(horizon, *kind.shape(len(track.names))))


def malformed(message: Any, signals: Mapping[str, SignalSpec] = SIGNALS) -> str | None:
    """Why a message is no valid chunk: sizes, durations, names and texts; None if it is one.

    The computing time does not depend on the values, which are not read.
    """
    return (
        _wrong_text(message)
        or _wrong_time(message)
        or _wrong_tracks(message, signals)
        or (None if message.grade in set(Grade) else f"its grade is {message.grade}")
    )


def _wrong_text(message: Any) -> str | None:
    for field, most in (
        ("codec", MAX_NAME_LENGTH),
        ("codec_hash", MAX_NAME_LENGTH),
        ("instruction", MAX_TEXT_LENGTH),
        ("grade_reason", MAX_TEXT_LENGTH),
    ):
        if (length := len(getattr(message, field))) > most:
            return f"its {field} has {length} characters, at most {most} are allowed"
    if (length := len(message.header.frame_id)) > MAX_NAME_LENGTH:
        return f"its frame_id has {length} characters, at most {MAX_NAME_LENGTH} are allowed"
    return None


def _wrong_time(message: Any) -> str | None:
    if not 0 < message.horizon <= MAX_STEPS:
        return f"its horizon is {message.horizon} steps, expected 1 to {MAX_STEPS}"
    duration = message.step_duration
    step_s = duration.sec + duration.nanosec / 1e9
    if not MIN_STEP_S <= step_s <= MAX_STEP_S:
        return f"its step_duration is {step_s:g} s, expected {MIN_STEP_S:g} to {MAX_STEP_S:g}"
    return None


def _wrong_tracks(message: Any, signals: Mapping[str, SignalSpec]) -> str | None:
    if len(message.tracks) > MAX_TRACKS:
        return f"it has {len(message.tracks)} tracks, at most {MAX_TRACKS} are allowed"
    seen: set[str] = set()
    for track in message.tracks:
        if reason := _wrong_track(track, message.horizon, signals):
            return reason
        if track.name in seen:
            return f"it has two tracks {track.name}"
        seen.add(track.name)
    if not any(signals[name].kind.is_motion for name in seen):
        return "it has no track of kind " + " or ".join(MOVING_KINDS)
    return None


def _wrong_track(track: Any, horizon: int, signals: Mapping[str, SignalSpec]) -> str | None:
    for text in (track.name, track.kind, track.frame):
        if len(text) > MAX_NAME_LENGTH:
            return f"a track's name, kind or frame has more than {MAX_NAME_LENGTH} characters"
    spec = signals.get(track.name)
    if spec is None:
        return f"its track {track.name!r} is none of {', '.join(signals)}"
    if track.kind != spec.kind.name:
        return f"its track {track.name} is of kind {track.kind!r}, expected {spec.kind.name}"
    if len(track.names) > MAX_NAMES or any(len(name) > MAX_NAME_LENGTH for name in track.names):
        return (
            f"its track {track.name} has more than {MAX_NAMES} names, or one of more than "
            f"{MAX_NAME_LENGTH} characters"
        )
    size = spec.kind.size or len(track.names)
    if size == 0 or len(track.values) != horizon * size:
        return (
            f"its track {track.name} has {len(track.values)} numbers, expected {horizon} steps "
            f"of {size}"
        )
    return None
