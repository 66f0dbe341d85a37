"""Which episodes of a dataset somebody means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from groot_ros.data.bags.episode_info import FAILURE, SUCCESS
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.errors import UserError, did_you_mean

_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
# What `report.html` says of a source, by the words on the command line.
FLAGS: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "failure": lambda source: source["outcome"] == FAILURE,
    "no-success": lambda source: source["outcome"] != SUCCESS,
    "dropped": lambda source: bool(source["dropped"]),
    "note": lambda source: bool(source["notes"]),
    "repeated": lambda source: source["duplicates"] > 0,
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Episodes for which all that is given holds; nothing given means all of them."""

    episodes: str = ""
    """Indices and ranges, such as 0,3,5-9."""
    instruction: str = ""
    flag: str = ""
    """A key of FLAGS."""

    def __bool__(self) -> bool:
        return self != Choice()

    def of(self, dataset: Dataset) -> list[EpisodeFiles]:
        """The chosen episodes in their order; UserError for none, or one that is not there."""
        found = list(dataset.episodes)
        if self.episodes:
            wanted = indices(self.episodes, dataset)
            found = [episode for episode in found if episode.index in wanted]
        if self.instruction:
            found = [episode for episode in found if self.instruction in episode.tasks]
            self._check_instruction(dataset)
        if self.flag:
            flagged = _flagged(dataset, self.flag)
            found = [episode for episode in found if episode.index in flagged]
        if not found:
            raise UserError(f"no episode of {dataset.path} is meant by this choice")
        return found

    def _check_instruction(self, dataset: Dataset) -> None:
        known = list(dataset.tasks.values())
        if self.instruction not in known:
            near = did_you_mean(self.instruction, known)
            raise UserError(
                f"{dataset.path} has no episode {self.instruction!r}; "
                + (near or f"its instructions are {', '.join(map(repr, known[:5]))}")
            )


def indices(text: str, dataset: Dataset) -> set[int]:
    """Indices and ranges such as 0,3,5-9, both ends included; UserError for one that is not
    there."""
    wanted: set[int] = set()
    for part in text.replace(" ", "").split(","):
        match = _RANGE.fullmatch(part)
        if not match:
            raise UserError(f"episodes {text!r} are not indices and ranges such as 0,3,5-9")
        first = int(match[1])
        last = int(match[2]) if match[2] else first
        present = {episode.index for episode in dataset.episodes}
        if first > last or not {first, last} <= present:
            raise UserError(
                f"episodes {part} are not in {dataset.path}, expected 0 to "
                f"{max(present, default=0)}"
            )
        wanted.update(range(first, last + 1))
    return wanted


def _flagged(dataset: Dataset, flag: str) -> set[int]:
    if not dataset.own:
        raise UserError(
            f"{dataset.path} was not made by groot-ros convert and has no flags: choose by "
            "--episodes"
        )
    sources = dataset.own["sources"]
    return {
        entry["episode_index"]
        for entry in dataset.own["episodes"]
        if FLAGS[flag](sources[entry["source"]])
    }
