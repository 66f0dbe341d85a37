"""What goes into a codec and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.signals.signals import Signals

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Steps = TypeVar("Steps", covariant=True)

LANGUAGE = "annotation.language.language_instruction"
"""The key of the instruction where a codec file does not say."""


@dataclass(frozen=True)
class Observation:
    """The robot's streams at one time `stamp_ns`, at which the pictures were taken.

    `images` are (H, W, 3) uint8 RGB by camera name, `signals` those that the robot has; `past`
    holds earlier moments by the model's steps before this one, negative.
    """

    stamp_ns: int
    images: Mapping[str, Image]
    instruction: str
    signals: Signals = Signals()
    past: Mapping[int, Observation] = field(default_factory=dict)

    def at(self, step: int) -> Observation:
        """The moment `step` steps from this one, 0 or negative; UserError where it is not kept."""
        if step == 0:
            return self
        if step not in self.past:
            raise UserError(
                f"the observation holds nothing of {-step} steps before it, which this codec's "
                "`history` reads: who sends one moment alone needs a model without history"
            )
        return self.past[step]

    def replaced(self, values: Mapping[str, Array]) -> Observation:
        """A copy with other values of some signals."""
        return replace(self, signals=self.signals.replaced(values))


@dataclass(frozen=True)
class ModelInput:
    """What the model reads: video {key: (T, H, W, 3) uint8 RGB}, state {key: (T, D)}, language."""

    video: Mapping[str, Image]
    state: Mapping[str, Array]
    language: str


# What the model answers, in physical, absolute units: {action key: (T, D)}.
ModelOutput = Mapping[str, Array]


@dataclass(frozen=True)
class Prefix(Generic[Steps]):
    """Steps of the running chunk that a new chunk continues, from its own first step on.

    Where a policy is asked `steps` are the rest of that chunk, absolute; where a model is asked a
    ModelOutput, whose keys may be some of the model's: the others, such as those that a robot does
    not follow, are answered anew. The first `frozen_steps` will have been executed when the new
    chunk arrives and stay as they are, the others give way at `ramp_rate`, by default the
    checkpoint's.
    """

    steps: Steps
    frozen_steps: int
    ramp_rate: float | None = None


@dataclass(frozen=True)
class Feature:
    """One column of a dataset: its key, its size and the names of its numbers."""

    key: str
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Features:
    """The columns that a codec reads and writes, in order."""

    state: tuple[Feature, ...]
    action: tuple[Feature, ...]
    video: Mapping[str, str] = field(default_factory=dict)
    """Video key of the dataset -> camera name of the robot file."""
    language: str = LANGUAGE
