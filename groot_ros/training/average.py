"""Moving average of the weights: what serves, while training goes on from the weights itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class WeightAverage:
    """Exponential moving average of the trained parameters of a network."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._parameters = {n: p for n, p in network.named_parameters() if p.requires_grad}
        self._averages = {n: p.detach().clone() for n, p in self._parameters.items()}
        self._decay = decay

    def update(self, step: int) -> None:
        """Take in the weights after optimizer step `step`, counted from 1.

        The first weights, which know nothing, are forgotten sooner: step s keeps at most the
        share (1 + s) / (10 + s) of the average.
        """
        decay = min(self._decay, (1 + step) / (10 + step))
        parameters = [parameter.detach() for parameter in self._parameters.values()]
        get_ema_multi_avg_fn(decay)(list(self._averages.values()), parameters, step)

    @torch.no_grad()
    def restart(self) -> None:
        """Take what the network holds as the average."""
        for name, parameter in self._parameters.items():
            self._averages[name].copy_(parameter)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within, the network has the average for weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, parameter in self._parameters.items():
            parameter.data, self._averages[name] = self._averages[name], parameter.data
