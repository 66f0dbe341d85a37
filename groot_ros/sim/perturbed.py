"""A policy whose commands are disturbed now and then, to see how it recovers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policy import Inputs, Policy
from groot_ros.signals.signals import EE_POSE

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Disturbance:
    """Bursts of a constant push on the commanded position; a step lasts 1/15 s."""

    probability: float = 0.05
    """That a burst begins at a step outside of one."""
    shortest_steps: int = 2
    longest_steps: int = 5
    sigma_m: float = 0.012
    """Standard deviation of the push, per axis."""


class Pushes:
    """What is added to commanded positions, step by step, drawn in order from a seed."""

    def __init__(self, seed: int, disturbance: Disturbance | None = None) -> None:
        self._disturbance = disturbance or Disturbance()
        self._rng = np.random.default_rng(seed)
        self._pushes: list[Array] = []

    def begin(self) -> None:
        """Begin an episode with other pushes."""
        self._pushes.clear()

    def steps(self, first: int, count: int) -> Array:
        """Pushes (N, 3) in m of `count` steps from `first` on."""
        while len(self._pushes) < first + count:
            self._pushes += self._draw()
        return np.array(self._pushes[first : first + count])

    def _draw(self) -> list[Array]:
        """The pushes of the next steps, a burst or a single step without one."""
        kind = self._disturbance
        if self._rng.random() >= kind.probability:
            return [np.zeros(3)]
        steps = int(self._rng.integers(kind.shortest_steps, kind.longest_steps + 1))
        return [self._rng.normal(0.0, kind.sigma_m, 3)] * steps


class PerturbedPolicy:
    """Another policy with noise on its commands; `clean` is what it meant to do.

    Demonstrations executed with the noise and labelled without it teach recovery (Laskey et al.
    2017, "DART: Noise Injection for Robust Imitation Learning").
    """

    def __init__(self, policy: Policy, seed: int, disturbance: Disturbance | None = None) -> None:
        self._policy = policy
        self._pushes = Pushes(seed, disturbance)
        self._origin_ns: int | None = None
        self._clean: Chunk | None = None

    @property
    def inputs(self) -> Inputs:
        """What the policy itself reads."""
        return self._policy.inputs

    @property
    def no_continuation(self) -> str:
        """That of the policy itself."""
        return self._policy.no_continuation

    @property
    def clean(self) -> Chunk:
        """The last chunk without the noise: the label."""
        if self._clean is None:
            raise RuntimeError("there is no clean chunk before the first prediction")
        return self._clean

    def open(self) -> None:
        """Open the policy itself."""
        self._policy.open()

    def reset(self, instruction: str) -> None:
        """Begin an episode with other pushes."""
        self._pushes.begin()
        self._origin_ns = None
        self._policy.reset(instruction)

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """The policy's chunk, pushed; steps of the same time get the same push in each chunk."""
        self._clean = chunk = self._policy.predict(observation, prefix)
        if EE_POSE.name not in chunk.signals:
            return chunk
        if self._origin_ns is None:
            self._origin_ns = chunk.stamp_ns
        first = max(0, round((chunk.stamp_ns - self._origin_ns) / chunk.step_ns))
        poses = chunk.signals[EE_POSE.name].copy()
        poses[:, :3] += self._pushes.steps(first, len(chunk))
        return chunk.replaced({EE_POSE.name: poses})

    def close(self) -> None:
        """Close the policy itself."""
        self._policy.close()
