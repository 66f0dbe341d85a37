"""Latency as it is declared in simulated time, however long the machine takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from groot_ros.errors import UserError
from groot_ros.options import group, option

CHUNK_LATENCY_S = 0.06


@dataclass(frozen=True)
class Latency:
    """How late chunks are, in s after their pictures were taken.

    Uniform within `jitter_s` to both sides of `chunk_s`; the share `loss` of them never comes.
    What is drawn depends on `seed` and on how many were drawn since the episode began.
    """

    chunk_s: float = option(
        "a chunk comes so long after its pictures were taken (%(default)s)",
        default=CHUNK_LATENCY_S,
        flags=("--latency",),
        metavar="S",
    )
    jitter_s: float = option(
        "how far that strays (%(default)s)", default=0.0, flags=("--jitter",), metavar="S"
    )
    loss: float = option("share of chunks that never come (%(default)s)", default=0.0)
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.jitter_s <= self.chunk_s:
            raise UserError(
                f"jitter is {self.jitter_s:g} s and latency {self.chunk_s:g} s: expected a "
                "latency of 0 s or more and a jitter of at most as much"
            )
        if not 0 <= self.loss < 1:
            raise UserError(f"loss is {self.loss:g}, expected a share of 0 or more and below 1")


@dataclass(frozen=True)
class SimulatedTime:
    """How time passes in a run through the nodes.

    `real_time_factor` is simulated time per time at most, 0 for as much as the machine can; with
    `real_time` the wall clock counts and latency is what the machine makes of it.
    """

    latency: Latency = group(Latency())
    real_time_factor: float = option(
        "through the nodes: simulated time per time at most, 0: as the machine can (%(default)s)",
        default=0.0,
        metavar="X",
    )
    real_time: bool = option(
        "through the nodes: on the wall clock, where latency is what the machine makes of it",
        default=False,
    )

    @property
    def launch_arguments(self) -> dict[str, str]:
        """Of policy.launch.py."""
        return {
            "real_time": str(self.real_time).lower(),
            "real_time_factor": str(float(self.real_time_factor)),
            "latency": str(float(self.latency.chunk_s)),
            "jitter": str(float(self.latency.jitter_s)),
            "loss": str(float(self.latency.loss)),
        }


@dataclass(frozen=True)
class Delay:
    """When the chunk of one observation counts as made, and whether it never comes."""

    due_ns: int
    is_lost: bool


class Delays:
    """The delays of an episode's chunks, one after the other."""

    def __init__(self, latency: Latency) -> None:
        self.latency = latency
        self.restart()

    def restart(self) -> None:
        """Restart the same sequence of delays, at the beginning of an episode."""
        self._rng = np.random.default_rng(self.latency.seed)

    def next(self, observation_ns: int) -> Delay:
        """The delay of the chunk for an observation whose pictures were taken at
        `observation_ns`."""
        latency = self.latency
        late_s = latency.chunk_s + latency.jitter_s * self._rng.uniform(-1.0, 1.0)
        return Delay(observation_ns + round(late_s * 1e9), self._rng.random() < latency.loss)
