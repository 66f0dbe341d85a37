"""Edit lists for bags: what is to become of their episodes while they are converted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from groot_ros.data.bags.episode_info import FAILURE, SUCCESS
from groot_ros.data.datasets.edits import (
    EDITS,
    Edit,
    EditList,
    EditStore,
    check_dataset,
    dataset_fingerprint,
)
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.losses import LEFT_OUT, Ranges
from groot_ros.errors import UserError

BAG_EDITS = "edits.json"
EVER_NS = (0, 1 << 62)


@dataclass(frozen=True)
class BagEdit:
    """An edit of a bag's episode; times of steps in ns."""

    edit: Edit
    left_out_ns: Ranges = ()
    """Steps from a time on and before another one."""


@dataclass(frozen=True)
class BagEdits:
    """Edits by the names of bags' episodes."""

    source: str
    by_name: Mapping[str, BagEdit]

    def left_out_ns(self, episode: Episode, step_ns: int) -> Ranges:
        """Which steps of an episode are left out."""
        if not (found := self.by_name.get(episode.name)):
            return ()
        edit, ranges = found.edit, list(found.left_out_ns)
        if edit.start:
            ranges.append((EVER_NS[0], episode.start_ns + edit.start * step_ns))
        if edit.end is not None:
            ranges.append((episode.start_ns + edit.end * step_ns, EVER_NS[1]))
        return tuple(ranges)


class BagEditStore(EditStore):
    """The edit list of bags, by the names of their episodes, in or beside their folder.

    Frames are steps of a conversion with the codec's rate.
    """

    def __init__(self, bags: Path) -> None:
        self.path = (
            bags / BAG_EDITS if bags.is_dir() else bags.with_name(f"{bags.name}.{BAG_EDITS}")
        )
        self.fingerprint = ""

    def read(self) -> EditList:
        """The list, empty where nothing was edited; UserError for that of a dataset."""
        if not self.path.exists():
            return EditList()
        found = EditList.read(self.path)
        check_dataset(found, self.fingerprint, self.path)
        return found


class Carried:
    """Edits that are carried out, and what they did; it owns what it counts."""

    def __init__(self, edits: BagEdits) -> None:
        self._edits = edits
        self._seen: set[str] = set()
        self.discarded: list[Episode] = []

    def __call__(self, episode: Episode) -> Episode | None:
        """An episode with another instruction and outcome; None where it is discarded."""
        self._seen.add(episode.name)
        edit = self._edits.by_name.get(episode.name, BagEdit(Edit())).edit
        if edit.discard:
            self.discarded.append(episode)
            return None
        if edit.instruction is not None:
            episode = replace(episode, instruction=edit.instruction)
        if edit.success is not None:
            episode = replace(episode, outcome=SUCCESS if edit.success else FAILURE)
        return episode

    def check(self) -> None:
        """UserError for an edit of an episode that was in none of the bags."""
        for name in self._edits.by_name.keys() - self._seen:
            raise UserError(
                f"{self._edits.source} names the episode {name!r}, which is in none of the bags: "
                "groot-ros inspect BAG lists their names"
            )


def read_bag_edits(path: Path) -> BagEdits:
    """An edit list by names of bags' episodes, or by the indices of the dataset it lies beside.

    UserError where that dataset does not know its bags, or an edit cannot be one of a bag's
    episode.
    """
    listed = EditList.read(path)
    if not listed.dataset:
        named = {name: BagEdit(edit) for name, edit in listed.edits.items()}
        return BagEdits(str(path), named)
    folder = path.resolve().parent.parent
    if path.resolve() != folder / EDITS:
        raise UserError(
            f"{path} counts the episodes of a dataset: give it as DATASET/{EDITS}, where it was "
            "made"
        )
    dataset = Dataset(folder)
    check_dataset(listed, dataset_fingerprint(folder), path)
    if not dataset.own:
        raise UserError(
            f"{folder} does not know its bags, since groot-ros convert did not make it"
        )
    return BagEdits(str(path), _of_sources(dataset, listed.edits, path))


def _of_sources(dataset: Dataset, edits: Mapping[str, Edit], path: Path) -> dict[str, BagEdit]:
    own, step_ns = dataset.own, round(1e9 / dataset.fps)
    parts: dict[int, list[tuple[Edit, int, int]]] = {}
    for entry in own["episodes"]:
        part = own["sources"][entry["source"]]["parts"][entry["part"]]
        edit = edits.get(str(entry["episode_index"]), Edit())
        begin_ns = part["first_due_ns"]
        found = parts.setdefault(entry["source"], [])
        found.append((edit, begin_ns, begin_ns + part["frames"] * step_ns))
    named: dict[str, BagEdit] = {}
    names = Counter(source["name"] for source in own["sources"])
    for number, found in parts.items():
        if not any(edit for edit, _, _ in found):
            continue
        name = own["sources"][number]["name"]
        if names[name] > 1:
            raise UserError(
                f"{path} edits {name!r}, as {names[name]} demonstrations of the dataset are "
                "called: use groot-ros dataset apply"
            )
        if LEFT_OUT in own["sources"][number]["dropped"]:
            raise UserError(
                f"{path} edits {name!r}, of which earlier edits left steps out that its bag still "
                "holds: use groot-ros dataset apply"
            )
        named[name] = _of_parts(found, step_ns, path)
    return named


def _of_parts(parts: list[tuple[Edit, int, int]], step_ns: int, path: Path) -> BagEdit:
    """One edit of what became several episodes of a dataset."""
    if all(edit.discard for edit, _, _ in parts):
        return BagEdit(Edit(discard=True))
    kept = [edit for edit, _, _ in parts if not edit.discard]
    instructions = {edit.instruction for edit in kept}
    if len(instructions) > 1:
        raise UserError(
            f"{path} gives different instructions to parts of one demonstration, which a bag's "
            "episode cannot have: use groot-ros dataset apply"
        )
    ranges: list[tuple[int, int]] = []
    for edit, begin_ns, end_ns in parts:
        if edit.discard:
            ranges.append((begin_ns, end_ns))
            continue
        if edit.start:
            ranges.append((begin_ns, begin_ns + edit.start * step_ns))
        if edit.end is not None:
            ranges.append((begin_ns + edit.end * step_ns, end_ns))
    # The outcome is that of the end.
    edit = Edit(instruction=instructions.pop(), success=kept[-1].success)
    return BagEdit(edit, tuple(ranges))
