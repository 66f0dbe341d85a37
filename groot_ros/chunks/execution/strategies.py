"""What becomes of a new chunk while another one is executed."""

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
        """The chunk to execute when `chunk` has come."""

    def forget(self) -> None:
        """What came before is void."""


class Latest:
    """Every chunk takes over as soon as it arrives."""

    waits_for_end = False

    def merge(self, chunk: Chunk) -> Chunk:
        return chunk

    def forget(self) -> None:
        """Nothing is kept."""


class Finish(Latest):
    """A chunk is played to its end, then the newest one follows."""

    waits_for_end = True


class RealTimeChunking(Latest):
    """Every chunk takes over as it arrives; the policy made it continue the running one.

    Black et al. 2025, "Real-Time Execution of Action Chunking Flow Policies".
    """


class Ensemble:
    """Executes the weighted mean of what all recent chunks say about each time.

    The oldest prediction weighs most, as in ACT; decisions are those of the newest chunk.
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
    """The strategy that is meant, a key of STRATEGIES; `obstacle` is why a policy cannot continue
    a chunk, empty where it can.

    The policy's side decides. An executor that is asked for `auto` lets every chunk take over as
    it arrives, which is right for both answers, so that nobody has to tell it.
    """
    if asked != AUTO:
        return asked
    return LEFT if obstacle else RTC


def make_strategy(name: str) -> Strategy:
    """What an executor does that is asked for a strategy, one of CHOICES."""
    return STRATEGIES[LEFT if name == AUTO else name]()
