"""Commands of each strategy beside the path that the policy knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from groot_ros.benchmarks.path_policy import ideal_path
from groot_ros.demo.figure_file import save

SHOWN_S = 6.0


class CommandedPoses(Protocol):
    """Poses (7,) that were commanded, and when."""

    stamps_ns: list[int]
    poses: list[NDArray[np.float64]]


def write_plot(recordings: Mapping[str, CommandedPoses], path: Path) -> None:
    """Position along y and speed of the first seconds of each strategy."""
    figure = Figure(figsize=(11, 2.2 * len(recordings)))
    axes = figure.subplots(len(recordings), 2, squeeze=False, sharex=True)
    for row, (name, recording) in zip(axes, recordings.items(), strict=True):
        _draw(row, name, recording)
    for axis in axes[-1]:
        axis.set_xlabel("s")
    figure.tight_layout()
    save(figure, path)


def _draw(row: Sequence[Axes], name: str, recording: CommandedPoses) -> None:
    stamps_ns, poses = np.array(recording.stamps_ns), np.array(recording.poses)
    times_s = (stamps_ns - stamps_ns[0]) / 1e9
    shown = times_s <= SHOWN_S
    times_s, poses, ideal = times_s[shown], poses[shown], ideal_path(stamps_ns[shown])
    row[0].plot(times_s, ideal[:, 1], color="0.6", linewidth=2, label="path")
    row[0].plot(times_s, poses[:, 1], linewidth=1, label="commanded")
    row[0].set_ylabel(f"{name}\ny [m]")
    row[0].legend(loc="upper right", fontsize=7)
    for values, color, width in ((ideal, "0.6", 2.0), (poses, "C0", 0.8)):
        speeds = np.linalg.norm(np.gradient(values[:, :3], times_s, axis=0), axis=1)
        row[1].plot(times_s, speeds, color=color, linewidth=width)
    row[1].set_ylabel("speed [m/s]")
