"""The interface of all policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from groot_ros.chunks.chunk import Chunk
from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation, Prefix


class PolicyLost(UserError):
    """The policy cannot be reached at present, so that nothing supervises its last chunk."""


@dataclass(frozen=True)
class Inputs:
    """What a policy reads of an observation: state fields, and cameras by name.

    `past_ns` maps the steps of the past that it reads, negative, to their ages in ns.
    """

    fields: tuple[str, ...]
    cameras: tuple[str, ...]
    past_ns: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, codec: Codec) -> Inputs:
        """The inputs of a codec."""
        past_ns = {step: -step * codec.timing.step_ns for step in codec.past}
        return cls(codec.state.signals, tuple(codec.video.cameras.values()), past_ns)


class Policy(Protocol):
    """Turns observations into chunks; one thread calls it at a time."""

    @property
    def inputs(self) -> Inputs:
        """What an observation must hold; times in the past are known once it is open."""

    @property
    def no_continuation(self) -> str:
        """Why `predict` cannot use a prefix, empty where it can; known after `open`."""

    def open(self) -> None:
        """Load the model and warm up; UserError where that fails."""

    def reset(self, instruction: str) -> None:
        """Begin an episode with `instruction` as its task."""

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """The chunk for an observation; `prefix` is the running chunk that it continues, if it
        can."""

    def close(self) -> None:
        """Release memory and devices; it may be opened again."""
