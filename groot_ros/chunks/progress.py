"""Progress of the executed chunk, and the prefixes and replanning that a policy derives from
it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from groot_ros.chunks.chunk import Chunk
from groot_ros.observation.types import Prefix

# Chunks whose delay is looked at to know how many steps the next one will come late.
DELAYS = 5
# The executor tells 20 times a second which chunk it follows; a chunk that it has not named after
# this time was refused.
UNHEARD_NS = 200_000_000
# What was measured longer ago, or by a clock that disagrees as much, says nothing about now.
STALE_NS = 1_000_000_000
# No chunk is as long, no executor faster than its chunks.
MOST_STEPS, MOST_RATE = 10_000.0, 1.0


@dataclass(frozen=True)
class Progress:
    """Reported by the executor at `stamp_ns`: the executed chunk, the step reached, the rate.

    `rate` is chunk time per clock time; `delay_steps` is the number of steps between the chunk's
    observation and the start of its execution.
    """

    stamp_ns: int
    chunk_id: int
    epoch: int
    step: float
    rate: float
    delay_steps: float

    @property
    def is_plausible(self) -> bool:
        """Whether the values can come from an executor; false for NaN and infinity."""
        return (
            abs(self.step) <= MOST_STEPS
            and 0.0 <= self.rate <= MOST_RATE
            and 0.0 <= self.delay_steps <= MOST_STEPS
        )

    def step_at(self, time_ns: int, step_ns: int) -> float:
        """The step reached at another time in ns, extrapolated at the same rate."""
        return self.step + (time_ns - self.stamp_ns) * self.rate / step_ns


class Continuation:
    """Makes prefixes from the published chunks and the reported progress.

    Not thread-safe: its owner guards it.
    """

    def __init__(self) -> None:
        self._published: dict[int, Chunk] = {}
        self._newest_id, self._newest_ns = 0, 0
        self._progress: Progress | None = None
        self._delays: deque[float] = deque(maxlen=DELAYS)

    @property
    def newest(self) -> Chunk | None:
        """The last published chunk of this episode, None before the first."""
        return self._published.get(self._newest_id)

    def is_due(self, replanning: Replanning, now_ns: int) -> bool:
        """Whether the newest chunk has been executed far enough for the next inference."""
        progress = self._progress
        if progress is not None and (
            progress.chunk_id != self._newest_id or abs(now_ns - progress.stamp_ns) > STALE_NS
        ):
            progress = None
        return replanning.is_due(now_ns, self.newest, progress)

    def published(self, chunk_id: int, chunk: Chunk, now_ns: int) -> None:
        """Record a chunk that was sent to the executor at `now_ns`."""
        self._published[chunk_id] = chunk
        self._newest_id, self._newest_ns = chunk_id, now_ns
        for old in [key for key in self._published if key <= chunk_id - 2 * DELAYS]:
            del self._published[old]

    def measured(self, progress: Progress) -> None:
        """Record the executor's progress; implausible reports are ignored."""
        if not progress.is_plausible:
            return
        if self._progress is None or progress.chunk_id != self._progress.chunk_id:
            self._delays.append(progress.delay_steps)
        self._progress = progress

    def forget(self) -> None:
        """Drop all chunks and delays, at the beginning of an episode."""
        self._published.clear()
        self._delays.clear()
        self._progress = None

    def prefix(self, stamp_ns: int) -> Prefix[Chunk] | None:
        """The prefix that a chunk for an observation at `stamp_ns` continues; None where no chunk
        is executed.

        The number of frozen steps is the longest delay of the last chunks.
        """
        progress = self._progress
        if progress is None:
            return None
        if progress.chunk_id != self._newest_id and progress.stamp_ns < (
            self._newest_ns + UNHEARD_NS
        ):
            progress = self._expected(progress)
        if progress is None or (chunk := self._published.get(progress.chunk_id)) is None:
            return None
        first = progress.step_at(stamp_ns, chunk.step_ns)
        count = math.floor(len(chunk) - 1 - first) + 1
        if first < 0 or count < 1:
            return None
        steps = first + np.arange(count)
        times_ns = (chunk.stamp_ns + steps * chunk.step_ns).astype(np.int64)
        rest = replace(chunk, stamp_ns=stamp_ns, signals=chunk.sample_many(times_ns))
        frozen = math.ceil(max(self._delays, default=0.0)) + 1
        return Prefix(rest, min(frozen, count))

    def _expected(self, progress: Progress) -> Progress | None:
        """Of the newest chunk, which the executor has not named yet: its time passes like that of
        the one before, from its own stamp on."""
        chunk = self._published.get(self._newest_id)
        if chunk is None:
            return None
        return replace(progress, chunk_id=self._newest_id, stamp_ns=chunk.stamp_ns, step=0.0)


@dataclass(frozen=True)
class Replanning:
    """When the next inference begins: every `steps` executed steps, or with `remaining_s` left.

    Zero disables a condition; with both disabled it begins as soon as the previous one has ended.
    """

    steps: int = 0
    remaining_s: float = 0.0

    def is_due(self, now_ns: int, chunk: Chunk | None, progress: Progress | None) -> bool:
        """Whether the next inference is due; `chunk` is the last published one, and without
        progress its stamps count."""
        if chunk is None or (self.steps == 0 and self.remaining_s == 0.0):
            return True
        rate = 1.0
        step = (now_ns - chunk.stamp_ns) / chunk.step_ns
        if progress is not None:
            rate = max(progress.rate, 1e-3)
            step = progress.step_at(now_ns, chunk.step_ns)
        left_s = (len(chunk) - 1 - step) * chunk.step_ns / 1e9 / rate
        if self.steps and step >= self.steps:
            return True
        return bool(self.remaining_s and left_s <= self.remaining_s) or left_s <= 0.0
