"""The range of a policy's training data, and how far an observation with its chunk is outside it.

The converter measures the envelope, checkpoints carry it, and a local policy grades its chunks by
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.grading import Grade, Verdict
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.parts import Part
from groot_ros.errors import UserError
from groot_ros.observation.types import Feature, Observation

Array = NDArray[np.float64]
Slices = Mapping[str, Mapping[str, Mapping[str, int]]]
Measured = Mapping[str, Mapping[str, Sequence[float]]]

LOW_QUANTILE, HIGH_QUANTILE = 0.001, 0.999
# The numbers below are chosen, not fitted. With them neither 100 chunks of other demonstrations of
# the simulated arm nor the 104 chunks of the shipped checkpoint in six scenes were graded, and
# shifted chunks are (docs/runtime.md, `test_envelope`).
# An extreme is taken for a glitch where it lies this many times as far out as 99.9 % of the data.
GLITCH = 3.0
# Lower bounds of a width (m, rad or entries of a rotation), of a step (per second) and of a third
# difference, which sensor noise of a few mm makes: data that hardly moves must not be stricter.
SMALLEST_WIDTH = 0.2
SMALLEST_RATE = 0.1
SMALLEST_JERK = 0.02
# Beyond the envelope by these fractions of its width: warn, slow, hold.
VALUE_GRADES = (0.2, 0.5, 1.5)
# Steps larger than the largest of the data by these factors: warn, slow, hold.
STEP_GRADES = (2.0, 3.0, 5.0)
# Third differences likewise; a network's output is rougher than a demonstration, so none stops.
JERK_GRADES = (3.0, 6.0, np.inf)
# The first steps of a chunk that are graded, about those that are executed before the next one.
FIRST_STEPS = 8

NOTHING_KNOWN: Mapping[str, Any] = {"rate_hz": 15.0, "episodes": 1, "state": {}, "action": {}}


def measure_envelope(
    slices: Slices, episodes: Sequence[tuple[NDArray[Any], NDArray[Any]]], rate_hz: float
) -> dict[str, Any]:
    """Extremes and quantiles of each column, of its first and of its third differences.

    Args:
        slices: Which columns a key has, as in `modality.json`.
        episodes: State and action (T, D) of each episode.
        rate_hz: Rows per second.

    Returns:
        A dictionary for JSON, which `Envelope.of` reads.
    """
    groups = {}
    for index, group in enumerate(("state", "action")):
        groups[group] = {
            key: _measure_key([e[index][:, part["start"] : part["end"]] for e in episodes])
            for key, part in slices[group].items()
        }
    return {"rate_hz": rate_hz, "episodes": len(episodes), **groups}


def _measure_key(episodes: Sequence[NDArray[Any]]) -> dict[str, Any]:
    values = [np.asarray(episode, dtype=np.float64) for episode in episodes]
    return {
        "value": _measure(np.concatenate(values)),
        "step": _measure(np.concatenate([np.abs(np.diff(v, axis=0)) for v in values])),
        "jerk": _measure(np.concatenate([np.abs(np.diff(v, n=3, axis=0)) for v in values])),
    }


def _measure(rows: Array) -> dict[str, list[float]]:
    # Episodes may be too short for a third difference.
    rows = rows if len(rows) else np.zeros((1, rows.shape[1]))
    low, high = np.quantile(rows, [LOW_QUANTILE, HIGH_QUANTILE], axis=0)
    return {
        "min": rows.min(axis=0).tolist(),
        "q001": low.tolist(),
        "q999": high.tolist(),
        "max": rows.max(axis=0).tolist(),
    }


@dataclass(frozen=True)
class Channel:
    """Limits (D,) of one key: of its values, of the length of a step, of a third difference."""

    low: Array
    high: Array
    step: Array
    jerk: Array

    @classmethod
    def of(cls, measured: Measured, rate_hz: float, episodes: int) -> Channel:
        """The limits of a key's entry in an envelope that was measured over `episodes` episodes.

        Ranges are widened by range / n for n episodes: the expected gap between the largest of n
        draws from a uniform distribution and its end.
        """
        values, steps, jerks = measured["value"], measured["step"], measured["jerk"]
        low, high = np.array(values["q001"]), np.array(values["q999"])
        margin = (GLITCH - 1) * (high - low)
        low = np.maximum(values["min"], low - margin)
        high = np.minimum(values["max"], high + margin)
        unseen = (high - low) / episodes
        return cls(
            low=low - unseen,
            high=high + unseen,
            step=np.maximum(_largest(steps), SMALLEST_RATE / rate_hz) * (1 + 1 / episodes),
            jerk=np.maximum(_largest(jerks), SMALLEST_JERK) * (1 + 1 / episodes),
        )

    @property
    def width(self) -> Array:
        """Widths (D,) of the ranges, at least `SMALLEST_WIDTH`."""
        return np.maximum(self.high - self.low, SMALLEST_WIDTH)


def _largest(measured: Mapping[str, Sequence[float]]) -> Array:
    return np.minimum(measured["max"], GLITCH * np.array(measured["q999"]))


@dataclass(frozen=True)
class Envelope:
    """Limits of a policy's state and action by key; `rate_hz` is the rate of the steps."""

    rate_hz: float
    state: Mapping[str, Channel]
    action: Mapping[str, Channel]

    @classmethod
    def of(cls, measured: Mapping[str, Any]) -> Envelope:
        """The envelope of what `measure_envelope` has returned."""
        rate_hz, episodes = float(measured["rate_hz"]), int(measured["episodes"])
        state, action = (
            {key: Channel.of(entry, rate_hz, episodes) for key, entry in measured[group].items()}
            for group in ("state", "action")
        )
        return cls(rate_hz, state, action)


class Worst(NamedTuple):
    """The largest excess of one kind and its description."""

    grade: Grade
    share: float
    words: str


class EnvelopeMonitor:
    """Grades each observation with its chunk; it keeps the previous observation.

    Grippers are not graded: they jump between two ends.
    """

    @classmethod
    def of(cls, metadata: Mapping[str, Any], codec: Codec) -> EnvelopeMonitor:
        """The monitor of a checkpoint's `groot_ros.json`; without an envelope it grades everything
        OK.

        UserError for an envelope that cannot be read.
        """
        try:
            envelope = Envelope.of(metadata.get("envelope", NOTHING_KNOWN))
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise UserError(
                f"the checkpoint's envelope cannot be read ({type(error).__name__}: {error}), "
                "expected the groot_ros.json that training wrote: copy the checkpoint again"
            ) from None
        _check_envelope(envelope, codec)
        return cls(envelope, codec)

    def __init__(self, envelope: Envelope, codec: Codec) -> None:
        self._envelope = envelope
        self._codec = codec.now
        self._last: tuple[int, dict[str, Array]] | None = None

    def reset(self) -> None:
        """Forget the previous observation, at the beginning of an episode."""
        self._last = None

    def check(self, observation: Observation, chunk: Chunk) -> Verdict:
        """The verdict on an observation and its chunk: the larger excess of the two, in one
        sentence."""
        found = [*self._observed(observation), *self._wanted(chunk)]
        worst = max(found, key=lambda excess: excess[:2], default=None)
        if worst is None or worst.grade is Grade.OK:
            return Verdict()
        return Verdict(worst.grade, f"unlike the training data: {worst.words}")

    def _observed(self, observation: Observation) -> Iterator[Worst]:
        columns = self._codec.state.encode(observation)
        last, self._last = self._last, (observation.stamp_ns, columns)
        for feature, channel in _graded(self._codec.state.parts, self._envelope.state):
            where = _Where("observed", feature.key, feature.names)
            yield _value_excess(where, columns[feature.key], channel)
            if last is not None:
                passed = (observation.stamp_ns - last[0]) * self._envelope.rate_hz / 1e9
                step = (columns[feature.key] - last[1][feature.key]) / max(passed, 1.0)
                yield _step_excess(where, step, channel)

    def _wanted(self, chunk: Chunk) -> Iterator[Worst]:
        step_ns = 1e9 / self._envelope.rate_hz
        # Rounding of the step's duration must not cost the last step.
        count = int((chunk.end_ns - chunk.stamp_ns) / step_ns + 0.01) + 1
        times_ns = chunk.stamp_ns + np.arange(min(count, FIRST_STEPS)) * step_ns
        steps = chunk.sample_many(times_ns.astype(np.int64))
        columns = self._codec.action.encode(steps)
        for feature, channel in _graded(self._codec.action.parts, self._envelope.action):
            where = _Where("wanted", feature.key, feature.names)
            first = columns[feature.key]
            yield _value_excess(where, first, channel)
            yield _step_excess(where, np.diff(first, axis=0), channel)
            yield _jerk_excess(where, np.diff(first, n=3, axis=0), channel)


def _check_envelope(envelope: Envelope, codec: Codec) -> None:
    for group, parts, channels in (
        ("state", codec.state.parts, envelope.state),
        ("action", codec.action.parts, envelope.action),
    ):
        for feature, channel in _graded(parts, channels):
            arrays = channel.low, channel.high, channel.step, channel.jerk
            if any(a.shape != (feature.size,) or not np.all(np.isfinite(a)) for a in arrays):
                raise UserError(
                    f"the checkpoint's envelope.{group}.{feature.key} holds something else than "
                    f"{feature.size} finite numbers of each kind: copy the checkpoint again"
                )


def _graded(
    parts: Iterable[Part], channels: Mapping[str, Channel]
) -> Iterator[tuple[Feature, Channel]]:
    for part in parts:
        for feature in part.features:
            if not part.signal.kind.is_decision and feature.key in channels:
                yield feature, channels[feature.key]


@dataclass(frozen=True)
class _Where:
    group: str
    key: str
    names: tuple[str, ...]

    def name(self, column: int) -> str:
        return f"{self.group} {self.key} {self.names[column]}"


def _value_excess(where: _Where, values: Array, channel: Channel) -> Worst:
    beyond = np.maximum(channel.low - values, values - channel.high) / channel.width
    row, column = np.unravel_index(np.argmax(beyond), beyond.shape)
    words = (
        f"{where.name(int(column))} is {values[row, column]:.3g}, there it was "
        f"{channel.low[column]:.3g} to {channel.high[column]:.3g}"
    )
    return _excess(float(beyond[row, column]), VALUE_GRADES, words)


def _step_excess(where: _Where, steps: Array, channel: Channel) -> Worst:
    return _factor_excess(where, steps, limit=channel.step, grades=STEP_GRADES, verb="changes")


def _jerk_excess(where: _Where, jerks: Array, channel: Channel) -> Worst:
    return _factor_excess(where, jerks, limit=channel.jerk, grades=JERK_GRADES, verb="trembles")


def _factor_excess(
    where: _Where, values: Array, limit: Array, grades: tuple[float, ...], verb: str
) -> Worst:
    if not len(values):
        return Worst(Grade.OK, 0.0, "")
    factors = np.abs(values) / limit
    row, column = np.unravel_index(np.argmax(factors), factors.shape)
    factor = float(factors[row, column])
    words = f"{where.name(int(column))} {verb} {factor:.1f} times as much as there"
    return _excess(factor, grades, words)


def _excess(amount: float, grades: tuple[float, ...], words: str) -> Worst:
    grade = Grade(int(np.sum(amount > np.array(grades))))
    return Worst(grade, amount / grades[0], words)
