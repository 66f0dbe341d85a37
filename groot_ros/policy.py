"""What every policy can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from groot_ros.chunks.chunk import Chunk
from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation, Prefix


class PolicyLost(UserError):
    """The policy cannot be reached for now: nobody watches what its last chunk does."""


@dataclass(frozen=True)
class Inputs:
    """What a policy reads of an Observation: its state fields and its cameras by name.

    `past_ns`: of what it reads of the past, the steps, negative, and how long ago each is.
    """

    fields: tuple[str, ...]
    cameras: tuple[str, ...]
    past_ns: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, codec: Codec) -> Inputs:
        """What a codec reads."""
        past_ns = {step: -step * codec.timing.step_ns for step in codec.past}
        return cls(codec.state.signals, tuple(codec.video.cameras.values()), past_ns)


class Policy(Protocol):
    """Turns observations into chunks; one thread calls it at a time."""

    @property
    def inputs(self) -> Inputs:
        """What an observation must hold; times in the past are known once it is open."""

    @property
    def no_continuation(self) -> str:
        """Why `predict` makes nothing of a prefix, empty where it does; known after `open`."""

    def open(self) -> None:
        """Load what is needed and warm up; raises UserError when that cannot be."""

    def reset(self, instruction: str) -> None:
        """Forget the running episode; `instruction` is the task of the next one."""

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """Chunk for an observation; `prefix` is what it continues, if it can."""

    def close(self) -> None:
        """Release memory and devices; `open` may follow."""
