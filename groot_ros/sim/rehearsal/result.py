"""What came of a rehearsal: every chunk, and how far the motion was from the demonstration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.grading import Grade
from groot_ros.chunks.shadow import Disagreement
from groot_ros.errors import kind_of_sentence
from groot_ros.signals.signals import SignalSpec

Array = NDArray[np.float64]

# Chunks that pass at this share of their speed or faster are not called slowed.
FULL_RATE = 0.98
# Farther apart than this, gripper and demonstrated gripper do not do the same thing.
GRIP_APART = 0.3


@dataclass
class ChunkOutcome:
    """A chunk, when it came in ns, why it was refused, and how it was executed.

    `rate` is chunk time per time, `limited_by` what made it slower; `decode_s` and `model_s` were
    measured, `off` is its mean distance to what was demonstrated.
    """

    chunk: Chunk
    due_ns: int
    decode_s: float = 0.0
    model_s: float = 0.0
    refused: str = ""
    rate: float = 1.0
    limited_by: str = ""
    executed_steps: int = 0
    off: Disagreement | None = None

    @property
    def is_slowed(self) -> bool:
        """Whether chunk time passed more slowly than asked for."""
        return not self.refused and self.rate < FULL_RATE

    @property
    def kind(self) -> str:
        """refused, graded, slowed or executed: the first that is true."""
        if self.refused:
            return "refused"
        if self.chunk.verdict.grade is not Grade.OK:
            return "graded"
        return "slowed" if self.is_slowed else "executed"


@dataclass(frozen=True)
class Stop:
    """The arm was stopped at a time in ns, and why."""

    time_ns: int
    sentence: str


@dataclass
class Rehearsed:
    """One episode: chunks, stops, and two motions at the times of the commands.

    `demonstrated` and `executed` are rows of `signal`, poses (7,) or joints (J,); `grips` are
    pairs of closures: demonstrated, or commanded where the bag tells that, and executed.
    """

    name: str
    instruction: str
    signal: SignalSpec
    start_ns: int
    chunks: list[ChunkOutcome] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    waits: Counter[str] = field(default_factory=Counter)
    """Pictures for which there was no observation, by the reason."""
    times_ns: list[int] = field(default_factory=list)
    demonstrated: list[Array] = field(default_factory=list)
    executed: list[Array] = field(default_factory=list)
    beyond: float = 0.0
    """How far the executed motion went out of the workspace in m, or the joint ranges in rad."""
    distances: list[Array] = field(default_factory=list)
    """Of the executed motion to the demonstrated one: m and rad, or rad per joint."""
    grips: list[tuple[float, float]] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """Duration in s."""
        return (self.times_ns[-1] - self.times_ns[0]) / 1e9 if self.times_ns else 0.0


def summarize(episodes: Sequence[Rehearsed]) -> dict[str, Any]:
    """All episodes as plain JSON, and each of them."""
    return {
        **_summary(episodes),
        "by_episode": [
            {
                "episode": e.name,
                "instruction": e.instruction,
                **_summary([e]),
                "chunks_in_order": [_row(e, chunk) for chunk in e.chunks],
            }
            for e in episodes
        ],
    }


def _summary(episodes: Sequence[Rehearsed]) -> dict[str, Any]:
    chunks = [chunk for episode in episodes for chunk in episode.chunks]
    stops = [stop for episode in episodes for stop in episode.stops]
    waits: Counter[str] = sum((episode.waits for episode in episodes), Counter())
    graded = [c.chunk.verdict for c in chunks if c.chunk.verdict.grade is not Grade.OK]
    return {
        "episodes": len(episodes),
        "seconds": sum(episode.duration_s for episode in episodes),
        "chunks": len(chunks),
        "executed": sum(not c.refused for c in chunks),
        "refused": _reasons(c.refused for c in chunks if c.refused),
        "slowed": _reasons(c.limited_by or "its grade" for c in chunks if c.is_slowed),
        "rate": percentiles([c.rate for c in chunks if not c.refused]),
        "graded": _reasons(f"{v.grade.name.lower()}: {v.reason}" for v in graded),
        "stops": _reasons(stop.sentence for stop in stops),
        "without_observation": dict(waits.most_common()),
        "beyond": max((episode.beyond for episode in episodes), default=0.0),
        "distance": _distance(episodes),
        "chunk_distance": _chunk_distance(chunks),
        "grip_apart": _grip_apart(episodes),
        "model_s": percentiles([c.model_s for c in chunks]),
        "decode_s": percentiles([c.decode_s for c in chunks]),
    }


def _row(episode: Rehearsed, chunk: ChunkOutcome) -> dict[str, Any]:
    """A chunk: when it came, what became of it and why."""
    return {
        "time_s": round((chunk.due_ns - episode.start_ns) / 1e9, 3),
        "outcome": chunk.kind,
        "reason": chunk.refused or chunk.chunk.verdict.reason or chunk.limited_by,
        "rate": round(chunk.rate, 3),
        "model_s": round(chunk.model_s, 4),
    }


def _reasons(sentences: Iterable[str]) -> dict[str, int]:
    """How often each sentence was said; those that differ in numbers alone are one, the first."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for sentence in sentences:
        counts[first.setdefault(kind_of_sentence(sentence), sentence)] += 1
    return dict(counts.most_common())


def percentiles(values: Sequence[float]) -> dict[str, float] | None:
    """Median and 95th percentile, None without values."""
    if not len(values):
        return None
    median, high = np.percentile(values, [50, 95])
    return {"median": float(median), "p95": float(high)}


def _distance(episodes: Sequence[Rehearsed]) -> dict[str, Any]:
    rows = [row for episode in episodes for row in episode.distances]
    if not rows:
        return {}
    lengths = np.array(rows)
    measures = episodes[0].signal.kind.measures(lengths.T)
    return {
        name: percentiles(np.atleast_2d(values).max(axis=0).tolist())
        for name, values in measures.items()
    }


def _chunk_distance(chunks: Sequence[ChunkOutcome]) -> dict[str, Any]:
    found = [chunk.off for chunk in chunks if chunk.off]
    return {
        name: percentiles(values)
        for name in ("position_m", "rotation_rad", "joints_rad")
        if any(values := [getattr(off, name) for off in found])
    }


def _grip_apart(episodes: Sequence[Rehearsed]) -> float | None:
    pairs = np.array([pair for episode in episodes for pair in episode.grips])
    if not len(pairs):
        return None
    return float(np.mean(np.abs(pairs[:, 0] - pairs[:, 1]) > GRIP_APART))
