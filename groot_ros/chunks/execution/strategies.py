"""How a new chunk is combined with the executed one."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.signals.signals import SignalSpec

Array = NDArray[np.float64]

# Weight exp(-m * i) of the i-th oldest prediction (Zhao et al. 2023, ACT, "temporal ensembling").
ENSEMBLE_DECAY = 0.1
ENSEMBLE_SIZE = 8


class Strategy(Protocol):
    """Decides which chunk the motion follows."""

    waits_for_end: bool
    """A new chunk is joined only when the running one has run out."""

    def merge(self, chunk: Chunk) -> Chunk:
        """The chunk to execute after the arrival of `chunk`."""

    def forget(self) -> None:
        """Drop all previous chunks."""


class Latest:
    """Executes each chunk as soon as it arrives."""

    waits_for_end = False

    def merge(self, chunk: Chunk) -> Chunk:
        return chunk

    def forget(self) -> None:
        """Nothing is kept."""


class Finish(Latest):
    """Executes each chunk to its end, then the newest one."""

    waits_for_end = True


class RealTimeChunking(Latest):
    """Executes each chunk as soon as it arrives; the policy has made it continue the executed one.

    Black et al. 2025, "Real-Time Execution of Action Chunking Flow Policies".
    """


class Ensemble:
    """Executes the weighted mean of the predictions that recent chunks make of each time.

    The oldest prediction has the largest weight, as in ACT (Zhao et al. 2023); decisions are taken
    from the newest chunk.
    """

    waits_for_end = False

    def __init__(self) -> None:
        self._recent: deque[Chunk] = deque(maxlen=ENSEMBLE_SIZE)

    def merge(self, chunk: Chunk) -> Chunk:
        self._recent.append(chunk)
        times_ns = chunk.step_times_ns()
        inside = np.array(
            [(times_ns >= c.stamp_ns) & (times_ns <= c.end_ns) for c in self._recent]
        )
        order = np.cumsum(inside, axis=0) - 1
        weights = np.where(inside, np.exp(-ENSEMBLE_DECAY * order), 0.0)
        weights /= weights.sum(axis=0)
        samples = [c.sample_many(times_ns) for c in self._recent]

        def mean(spec: SignalSpec, values: Array) -> Array:
            if spec.kind.is_decision:
                return values
            return spec.kind.mean(np.array([s[spec.name] for s in samples]), weights)

        return replace(chunk, signals=chunk.signals.map(mean), curve=None)

    def forget(self) -> None:
        self._recent.clear()


RTC = "rtc"
STRATEGIES: dict[str, type[Strategy]] = {
    "latest": Latest,
    "finish": Finish,
    "ensemble": Ensemble,
    RTC: RealTimeChunking,
}
AUTO = "auto"
"""What the policy can: `rtc`, or LEFT."""
CHOICES = (AUTO, *STRATEGIES)
LEFT = "latest"
"""Of `auto` with a policy that cannot continue a chunk."""


def chosen(asked: str, obstacle: str) -> str:
    """The strategy for `auto` or a name, a key of STRATEGIES.

    The policy's side decides. An executor that is asked for `auto` executes each chunk as it
    arrives, which suits both answers.

    Args:
        asked: `auto` or a name.
        obstacle: Why the policy cannot continue a chunk, empty where it can.
    """
    if asked != AUTO:
        return asked
    return LEFT if obstacle else RTC


def make_strategy(name: str) -> Strategy:
    """The strategy object of an executor for a name out of CHOICES."""
    return STRATEGIES[LEFT if name == AUTO else name]()
