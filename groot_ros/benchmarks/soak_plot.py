"""Memory, threads, descriptors and shared memory over the time of a soak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from groot_ros.benchmarks.growth import Life
from groot_ros.demo.figure_file import save


def write_plot(
    lives: Mapping[str, Mapping[str, Sequence[Life]]], units: Mapping[str, str], path: Path
) -> None:
    """A row for each quantity, a colour for each role, a line for each process."""
    figure = Figure(figsize=(9, 1.7 * len(units)))
    axes = figure.subplots(len(units), 1, sharex=True)
    for axis, (name, unit) in zip(axes, units.items(), strict=True):
        for number, (role, quantities) in enumerate(lives.items()):
            for index, life in enumerate(quantities.get(name, ())):
                label = role if index == 0 else None
                axis.plot(life.times_s / 60, life.values, f"C{number}", linewidth=1, label=label)
        axis.set_ylabel(f"{name} [{unit}]" if unit else name)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="lower right", fontsize=7, ncols=3)
    axes[-1].set_xlabel("min")
    figure.tight_layout()
    save(figure, path)
