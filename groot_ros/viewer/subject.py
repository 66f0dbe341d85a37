"""What the page can show: anything that has episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from groot_ros.data.datasets.clips import Stills

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Film:
    """Where the pictures of one camera of one episode lie."""

    camera: str
    path: Path
    fps: float
    start_s: float = 0.0
    """Where the episode begins in the file, which may hold several."""
    frames: int | None = None
    """Of the episode; None for the whole file."""
    stills: Stills | None = None
    """Where `path` is a table with the pictures in its rows, which is no film that plays."""


class Subject(Protocol):
    """Something with episodes; methods are called from several threads."""

    def describe(self) -> Json:
        """Title, facts and what the page can do with it."""

    def episodes(self) -> Sequence[Json]:
        """A line for every episode, quickly, without reading its rows."""

    def findings(self, index: int) -> Json:
        """What is odd about an episode: `findings` and `measures`."""

    def episode(self, index: int) -> Json:
        """Times, plots, films and losses of an episode; KeyError where there is none."""

    def films(self, index: int) -> Sequence[Film]:
        """The films of an episode, in the order of `describe`'s cameras."""

    def warnings(self) -> Sequence[str]:
        """Sentences about all episodes together; may take long."""

    def edits(self) -> dict[str, Json]:
        """What is to become of episodes, by index as text."""

    def edit(self, index: int, changes: Mapping[str, Any]) -> Json:
        """Change fields from what they `was` to what they are `now`, as `Editing` does."""


def shown_path(path: Path) -> str:
    """A path for people, ~ for the home folder."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
