"""Progress of long work: a bar on a terminal, a line from time to time in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from groot_ros.timing.told import told_left

T = TypeVar("T")

# Lines of a log are so far apart.
PERIOD_S = 10.0


def with_progress(items: Iterable[T], doing: str, count: int, unit: str = "") -> Iterator[T]:
    """The items, with what is done, how much there is and how long it takes on standard error.

    `unit` is what they are, in the plural.
    """
    if sys.stderr.isatty():
        return _with_bar(items, f"{doing} {unit}".strip(), count)
    return _with_lines(items, LogLines(doing, count, unit))


def _with_bar(items: Iterable[T], doing: str, count: int) -> Iterator[T]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(items, count, description=doing)


def _with_lines(items: Iterable[T], lines: LogLines) -> Iterator[T]:
    for done, item in enumerate(items, start=1):
        lines.tell(done)
        yield item


class LogLines:
    """Says at most every `PERIOD_S` how far something has come, where a bar cannot be drawn."""

    def __init__(
        self,
        doing: str,
        total: int,
        unit: str = "",
        file: TextIO | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doing = doing
        self._total = total
        self._unit = unit
        self._file = file
        self._clock_s = clock_s
        self._begun_s = self._told_s = clock_s()

    def tell(self, done: int) -> None:
        """That so many are done, if it is time for a line."""
        now_s = self._clock_s()
        if now_s - self._told_s < PERIOD_S or not 0 < done < self._total:
            return
        self._told_s = now_s
        words = f"{self._doing}: {done} of {self._total} {self._unit}".rstrip()
        left = told_left(now_s - self._begun_s, done, self._total)
        print(
            f"{words}, {100 * done // self._total} %, {left}",
            file=self._file or sys.stderr,
            flush=True,
        )
