"""Predicted chunks over what was commanded and measured, as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from groot_ros.demo.figure_file import save
from groot_ros.demo.trace import Sample, Trace
from groot_ros.signals.signals import EE_POSE, GRIP

CHANNELS = ("x [m]", "y [m]", "z [m]", "grip closure")
PREDICTED, COMMANDED, MEASURED = "#9ecae1", "#d94801", "#222222"


def write_chunk_plot(traces: list[Trace], path: Path) -> None:
    """Write a PNG: a column for each run, a row for each of x, y, z and grip."""
    figure = Figure(figsize=(6.5 * len(traces), 9))
    axes = figure.subplots(len(CHANNELS), len(traces), sharex="col", squeeze=False)
    for column, trace in enumerate(traces):
        axes[0][column].set_title(f"{trace.policy}: '{trace.instruction}'")
        for row, channel in enumerate(CHANNELS):
            _draw(axes[row][column], trace, row)
            axes[row][column].set_ylabel(channel)
            axes[row][column].grid(alpha=0.3)
        axes[-1][column].set_xlabel("time [s]")
    axes[0][0].legend(loc="best", fontsize=8)
    figure.tight_layout()
    save(figure, path)


def _draw(axis: Axes, trace: Trace, channel: int) -> None:
    start_ns = trace.measured[0].stamp_ns if trace.measured else 0
    grip = channel == len(CHANNELS) - 1
    for index, published in enumerate(trace.chunks):
        chunk = published.chunk
        values = chunk.signals.get(GRIP.name if grip else EE_POSE.name)
        if values is None:
            continue
        values = values if grip else values[:, channel]
        times = (chunk.step_times_ns() - start_ns) / 1e9
        label = "predicted chunks" if index == 0 else None
        axis.plot(times, values, color=PREDICTED, linewidth=0.8, alpha=0.6, label=label)
    commanded = trace.commanded_grips if grip else trace.commanded
    measured = trace.measured_grips if grip else trace.measured
    index = 0 if grip else channel
    _line(
        axis,
        commanded,
        channel=index,
        start_ns=start_ns,
        color=COMMANDED,
        label="executed (commanded)",
    )
    _line(axis, measured, channel=index, start_ns=start_ns, color=MEASURED, label="measured")


def _line(
    axis: Axes, samples: list[Sample], channel: int, start_ns: int, color: str, label: str
) -> None:
    times = [(sample.stamp_ns - start_ns) / 1e9 for sample in samples]
    values = np.array([sample.values[channel] for sample in samples])
    axis.plot(times, values, color=color, linewidth=1.2, label=label)
