"""What every policy can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.progress import Prefix
from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation


class PolicyLost(UserError):
    """The policy cannot be reached for now: nobody watches what its last chunk does."""


@dataclass(frozen=True)
class Inputs:
    """What a policy reads of an Observation: its state fields and its cameras by name."""

    fields: tuple[str, ...]
    cameras: tuple[str, ...]

    @classmethod
    def of(cls, codec: Codec) -> Inputs:
        """What a codec reads."""
        return cls(codec.state.signals, tuple(codec.video.cameras.values()))


class Policy(Protocol):
    """Turns observations into chunks; one thread calls it at a time."""

    @property
    def inputs(self) -> Inputs:
        """What an observation must hold; known before `open`."""

    def open(self) -> None:
        """Load what is needed and warm up; raises UserError when that cannot be."""

    def reset(self, instruction: str) -> None:
        """Forget the running episode; `instruction` is the task of the next one."""

    def predict(self, observation: Observation, prefix: Prefix | None = None) -> Chunk:
        """Chunk for an observation; `prefix` is what it continues, if it can."""

    def close(self) -> None:
        """Release memory and devices; `open` may follow."""
