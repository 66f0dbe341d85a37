"""Layers with one set of weights per embodiment slot."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from groot_ros.model.networks.layers import sinusoid


class CategorySpecificLinear(nn.Module):
    """Linear layer with weights W (slots, in, out) and b (slots, out)."""

    def __init__(self, slots: int, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.W = nn.Parameter(0.02 * torch.randn(slots, input_dim, output_dim))
        self.b = nn.Parameter(torch.zeros(slots, output_dim))

    def forward(self, x: Tensor, slot: Tensor) -> Tensor:
        """Apply the weights of slots (B,) to x (B, T, in); a single slot needs no selection."""
        if self.W.shape[0] == 1:
            return x @ self.W[0] + self.b[0]
        return torch.baddbmm(self.b[slot][:, None], x, self.W[slot])


class CategorySpecificMLP(nn.Module):
    """Two layers with ReLU between them."""

    def __init__(self, slots: int, input_dim: int, hidden_dim: int, output_dim: int) -> None:
        super().__init__()
        self.layer1 = CategorySpecificLinear(slots, input_dim, hidden_dim)
        self.layer2 = CategorySpecificLinear(slots, hidden_dim, output_dim)

    def forward(self, x: Tensor, slot: Tensor) -> Tensor:
        out: Tensor = self.layer2(F.relu(self.layer1(x, slot)), slot)
        return out


@dataclass(frozen=True)
class GivenSteps:
    """Which steps (B, H) of a chunk are given without noise, and the bucket of their time, 1."""

    steps: Tensor
    bucket: int


class ActionEncoder(nn.Module):
    """Noisy actions (B, H, D) and their time bucket (B,) -> tokens (B, H, dim).

    Steps that are given have a time of their own.
    """

    def __init__(self, slots: int, action_dim: int, dim: int) -> None:
        super().__init__()
        self.W1 = CategorySpecificLinear(slots, action_dim, dim)
        self.W2 = CategorySpecificLinear(slots, 2 * dim, dim)
        self.W3 = CategorySpecificLinear(slots, dim, dim)

    def time_embedding(self, timestep: Tensor) -> Tensor:
        """Sinusoid (B, 1, dim) of the bucket number, sines first."""
        half = self.W3.W.shape[-1] // 2
        frequencies = torch.exp(-math.log(10000) / half * torch.arange(half).float())
        return torch.cat(sinusoid(timestep, frequencies), dim=-1)[:, None]

    def time_share(self, timestep: Tensor) -> Tensor:
        """What a time bucket (B,) adds in the second layer, (B, 1, dim); single slot only."""
        time = self.time_embedding(timestep).to(self.W2.W.dtype)
        return time @ self.W2.W[0, time.shape[-1] :] + self.W2.b[0]

    def embed(self, actions: Tensor, time_share: Tensor) -> Tensor:
        """`forward` with the time's share computed beforehand; single slot only."""
        embedded = actions @ self.W1.W[0] + self.W1.b[0]
        hidden = F.silu(embedded @ self.W2.W[0, : embedded.shape[-1]] + time_share)
        return hidden @ self.W3.W[0] + self.W3.b[0]

    def forward(
        self, actions: Tensor, timestep: Tensor, slot: Tensor, given: GivenSteps | None = None
    ) -> Tensor:
        embedded = self.W1(actions, slot)
        time = self.time_embedding(timestep)
        if given is not None:
            own = self.time_embedding(torch.full_like(timestep, given.bucket))
            time = torch.where(given.steps[..., None], own, time)
        time = time.to(embedded.dtype).expand_as(embedded)
        hidden = F.silu(self.W2(torch.cat([embedded, time], dim=-1), slot))
        out: Tensor = self.W3(hidden, slot)
        return out
