"""Flow matching between noise (t = 0) and actions (t = 1), and in-painting of a running chunk."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groot_ros.observation.types import Prefix


@dataclass(frozen=True)
class NoisySample:
    """A training example: noisy actions and velocity (B, H, D), time bucket (B,).

    `given` are steps (B, H) without noise, whose velocity is not learned; None for none.
    """

    noisy: Tensor
    velocity: Tensor
    timestep: Tensor
    given: Tensor | None = None


def sample_times(
    rng: np.random.Generator, count: int, alpha: float, beta: float, scale: float
) -> NDArray[np.float32]:
    """Times (N,) in [0, scale]: (1 - s) scale with s ~ Beta(alpha, beta), N = `count`."""
    return ((1 - rng.beta(alpha, beta, count)) * scale).astype(np.float32)


def noisy_sample(actions: Tensor, noise: Tensor, time: Tensor, buckets: int) -> NoisySample:
    """Mix actions with noise (B, H, D) at times (B,)."""
    t = time[:, None, None]
    return NoisySample((1 - t) * noise + t * actions, actions - noise, (time * buckets).long())


def given_steps(sample: NoisySample, actions: Tensor, delay: Tensor) -> NoisySample:
    """The same with the first `delay` (B,) steps of the actions (B, H, D) as they are.

    Training-time action conditioning (Black et al. 2025, arXiv 2512.05964): a chunk that is late
    by so many steps has to go on from those that will have been executed, and has seen such.
    """
    given = torch.arange(actions.shape[1]) < delay[:, None]
    return replace(sample, noisy=torch.where(given[..., None], actions, sample.noisy), given=given)


def masked_loss(velocity: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the valid steps and dimensions, mask (B, H, D)."""
    return ((velocity - target).square() * mask).sum() / (mask.sum() + 1e-6)


def buckets(steps: int, num_buckets: int) -> list[int]:
    """Time bucket of each Euler step: 0, 250, 500, 750 for 4 steps of 1000 buckets."""
    return [int(step / steps * num_buckets) for step in range(steps)]


@dataclass(frozen=True, kw_only=True)
class NormalizedPrefix(Prefix[Tensor]):
    """A prefix in the network's numbers: real-time chunking as in NVIDIA's N1.7 policy.

    Steps (B, P, D), normalised, in the reference of the NEW observation: step 0 is the new chunk's
    step 0. Numbers (D,) that are `free` continue nothing: what a robot does not follow.
    """

    ramp_rate: float = field()
    free: Tensor | None = None

    def start(self, noise: Tensor) -> Tensor:
        """Where denoising starts: the prefix, then noise (B, H, D)."""
        return self.begun(noise)

    def begun(self, noise: Tensor) -> Tensor:
        """Noise (B, H, D) with all actions of the prefix in place of its first steps."""
        overlap = self.steps.shape[1]
        begun = self.steps.to(noise)
        if self.free is not None:
            begun = torch.where(self.free.to(noise.device), noise[:, :overlap], begun)
        return torch.cat([begun, noise[:, overlap:]], dim=1)

    def strength(self, horizon: int) -> Tensor:
        """How far each step follows the velocity, (H, 1), or (H, D) with numbers that are free: 0
        frozen, 1 free."""
        overlap = self.steps.shape[1]
        t = torch.linspace(0.0, 1.0, overlap - self.frozen_steps + 2)
        ramp = 1 - torch.exp(-self.ramp_rate * t)
        ramp = (ramp / ramp[-1].clamp_min(1e-8))[1:-1]
        frozen, behind = torch.zeros(self.frozen_steps), torch.ones(horizon - overlap)
        strength = torch.cat([frozen, ramp, behind])[:, None]
        return strength if self.free is None else torch.maximum(strength, self.free.float())


@dataclass(frozen=True)
class GivenPrefix(NormalizedPrefix):
    """The same for a network that has learned to go on from steps that it is given.

    The frozen steps are given without noise; the others are made as those of any chunk.
    """

    def start(self, noise: Tensor) -> Tensor:
        return replace(self, steps=self.steps[:, : self.frozen_steps]).begun(noise)

    def strength(self, horizon: int) -> Tensor:
        free = (torch.arange(horizon) >= self.frozen_steps).float()[:, None]
        return free if self.free is None else torch.maximum(free, self.free.float())
