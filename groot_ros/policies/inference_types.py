"""What goes into an inference loop and comes out of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.progress import Replanning
from groot_ros.observation.buffer import Ages
from groot_ros.observation.types import Observation

RATE_WINDOW = 20

Observe = Callable[[str, int], tuple[Observation, Ages] | None]


@dataclass(frozen=True, kw_only=True)
class Inference:
    """A chunk with whose it is and the durations of its making, in s."""

    chunk: Chunk
    chunk_id: int
    activation: bytes
    instruction: str
    ages: Ages
    queue_s: float
    """From the newest picture's arrival, or the end of the last inference, to the beginning."""
    decode_s: float
    model_s: float


@dataclass(frozen=True, kw_only=True)
class Void:
    """Makes void what an activation made before an epoch; with `released` the activation has
    ended."""

    activation: bytes
    epoch: int
    released: bool = False


class Outlet(Protocol):
    """The receiver of a loop's results; called with the loop's lock held, so in the order of
    epochs."""

    def publish(self, inference: Inference) -> None: ...
    def void(self, void: Void) -> None: ...
    def warn(self, sentence: str) -> None: ...


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """When an inference begins and what it continues.

    At `rate_hz` at most, when that is above 0, and when `replanning` says so; with `continues` a
    chunk continues the one in execution.
    """

    rate_hz: float = 0.0
    replan_steps: int = 0
    replan_remaining_s: float = 0.0
    continues: bool = False

    @property
    def replanning(self) -> Replanning:
        return Replanning(self.replan_steps, self.replan_remaining_s)


@dataclass
class InferenceCounts:
    """Counts and durations since the loop was started."""

    chunks: int = 0
    void: int = 0
    """Chunks that were thrown away, because a reset came while they were made."""
    refused: int = 0
    """Times when no observation could be made."""
    failed: int = 0
    """Inferences that gave no chunk."""
    action_rate_hz: float = 0.0
    """Steps per second of the newest chunk."""
    observation_age_s: float = 0.0
    """Of the newest chunk, when it was done."""
    ended_s: deque[float] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))

    @property
    def rate_hz(self) -> float:
        """Inferences per second over the last few."""
        ended_s = list(self.ended_s)
        if len(ended_s) < 2:
            return 0.0
        return (len(ended_s) - 1) / (ended_s[-1] - ended_s[0])
