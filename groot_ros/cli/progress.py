"""A bar for work that comes piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def with_progress(items: Iterable[T], doing: str, count: int) -> Iterator[T]:
    """The items, with a bar on standard error while they come."""
    from rich.console import Console
    from rich.progress import track

    return iter(track(items, doing, count, console=Console(stderr=True), transient=True))
