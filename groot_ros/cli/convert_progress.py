"""Progress of a conversion in the terminal."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.progress import Task as BarTask
from rich.text import Text

from groot_ros.cli.progress import LogLines
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.extract import EpisodeResult
from groot_ros.data.conversion.jobs import Failure
from groot_ros.data.conversion.outcome import ConversionProgress, Report
from groot_ros.data.conversion.settings import Conversion


class _Speed(TextColumn):
    def render(self, task: BarTask) -> Text:
        speed = task.finished_speed or task.speed
        task.fields["speed"] = f"{speed:.1f} {task.description}/s" if speed else ""
        return super().render(task)


class _BarProgress(ConversionProgress):
    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._episodes = bar.add_task("episodes", speed="")
        self._frames = bar.add_task("frames", speed="")

    def plan(self, episodes: int, frames: int) -> None:
        self._bar.update(self._episodes, total=episodes)
        self._bar.update(self._frames, total=frames)

    def frames(self, count: int) -> None:
        self._bar.advance(self._frames, count)
        # How many there are is an estimate until the last one.
        done, total = self._count()
        if done > total:
            self._bar.update(self._frames, total=done)

    def end(self) -> None:
        """All frames there are have come."""
        self._bar.update(self._frames, total=self._count()[0])

    def _count(self) -> tuple[float, float]:
        task = next(task for task in self._bar.tasks if task.id == self._frames)
        return task.completed, task.total or 0.0

    def episode(self, outcome: EpisodeResult | Failure) -> None:
        self._bar.advance(self._episodes)
        if isinstance(outcome, Failure):
            self._bar.console.print(f"left out: {outcome.sentence}", markup=False)


class _LineProgress(ConversionProgress):
    """Where there is no terminal."""

    def plan(self, episodes: int, frames: int) -> None:
        self._lines = LogLines("converting", frames, f"frames of {episodes} episodes")
        self._done = 0

    def frames(self, count: int) -> None:
        self._done += count
        self._lines.tell(self._done)

    def episode(self, outcome: EpisodeResult | Failure) -> None:
        if isinstance(outcome, Failure):
            print(f"left out: {outcome.sentence}", file=sys.stderr, flush=True)


def convert_with_progress(conversion: Conversion) -> Report:
    """Convert, and show on standard error how much is done, how fast, and the time left."""
    if not sys.stderr.isatty():
        return convert(conversion, _LineProgress())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed("{task.fields[speed]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True)) as bar:
        progress = _BarProgress(bar)
        report = convert(conversion, progress)
        progress.end()
        return report
