"""Memory, threads, descriptors and shared memory over the time of a soak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import matplotlib.pyplot as plt
from numpy.typing import NDArray

DPI = 110


class Sampled(Protocol):
    """Times (T,) in s and a quantity (T,) of one process."""

    @property
    def times_s(self) -> NDArray: ...

    @property
    def values(self) -> NDArray: ...


def write_plot(
    lives: Mapping[str, Mapping[str, Sequence[Sampled]]], units: Mapping[str, str], path: Path
) -> None:
    """A row for each quantity, a colour for each role, a line for each process."""
    figure, axes = plt.subplots(
        len(units), 1, figsize=(9, 1.7 * len(units)), squeeze=False, sharex=True
    )
    for axis, (name, unit) in zip(axes[:, 0], units.items(), strict=True):
        for number, (role, quantities) in enumerate(lives.items()):
            for index, life in enumerate(quantities.get(name, ())):
                label = role if index == 0 else None
                axis.plot(life.times_s / 60, life.values, f"C{number}", linewidth=1, label=label)
        axis.set_ylabel(f"{name} [{unit}]" if unit else name)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right", fontsize=7, ncols=3)
    axes[-1, 0].set_xlabel("min")
    figure.tight_layout()
    part = path.with_suffix(".part.png")
    figure.savefig(part, dpi=DPI)
    plt.close(figure)
    part.replace(path)
