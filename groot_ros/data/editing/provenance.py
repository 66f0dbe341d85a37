"""`groot_ros.json` of a dataset that was made of others: each row still knows its bag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from groot_ros.data.bags.episode_info import FAILURE, SUCCESS
from groot_ros.data.datasets.pieces import Piece
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.statistics import sign_flips
from groot_ros.data.datasets.writer import ACTION, OWN_METADATA, STATE
from groot_ros.data.playback.losses import LEFT_OUT, Loss
from groot_ros.errors import UserError


def edited_metadata(pieces: Sequence[Piece]) -> dict[str, Any]:
    """What the dataset of these pieces says of its making; empty where others made one of them.

    Bags of episodes that are left out stay in the list of bags: `convert --append` must not
    bring them back.
    """
    datasets = list({id(piece.dataset): piece.dataset for piece in pieces}.values())
    if not all(dataset.own for dataset in datasets):
        return {}
    names = _Bags()
    for dataset in datasets:
        _check_known(dataset)
        names.add(dataset)
    sources: list[dict[str, Any]] = []
    episodes: dict[int, dict[str, int]] = {}
    for group in _groups(pieces):
        for number, (index, _) in enumerate(group.pieces):
            entry = {"episode_index": index, "source": len(sources), "part": number}
            episodes[index] = entry
        sources.append(group.source() | {"bag": names.of(group.dataset, group.origin["bag"])})
    return {
        **datasets[0].own,
        "bags": names.bags,
        "sources": sources,
        "episodes": [episodes[index] for index in sorted(episodes)],
        "left_out": [entry for d in datasets for entry in d.own.get("left_out", [])],
    }


def _check_known(dataset: Dataset) -> None:
    own = dataset.own
    known = {entry["episode_index"] for entry in own.get("episodes", [])}
    if "sources" not in own or not known >= {episode.index for episode in dataset.episodes}:
        raise UserError(
            f"{dataset.path / OWN_METADATA} does not say which bags its episodes are of: convert "
            "them again, or delete that file to go on without"
        )


@dataclass
class _Bags:
    """The bags of several datasets; two that lay at the same place get different names."""

    bags: dict[str, Any] = field(default_factory=dict)
    _names: dict[tuple[int, str], str] = field(default_factory=dict)

    def add(self, dataset: Dataset) -> None:
        for path, entry in dataset.own["bags"].items():
            name, number = path, 1
            while self.bags.get(name, entry) != entry:
                number += 1
                name = f"{path} ({number})"
            self.bags[name] = entry
            self._names[id(dataset), path] = name

    def of(self, dataset: Dataset, path: str) -> str:
        return self._names.get((id(dataset), path), path)


@dataclass
class _Group:
    """Pieces of one source with one instruction, and their indices in the new dataset."""

    dataset: Dataset
    origin: Mapping[str, Any]
    taken: set[int]
    """Parts of the source that the new dataset has, with whatever instruction."""
    pieces: list[tuple[int, Piece]] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)

    def source(self) -> dict[str, Any]:
        """What became of the source."""
        parts = [
            _part(piece, self.origin["parts"][number], self._step_ns)
            for (_, piece), number in zip(self.pieces, self.parts, strict=True)
        ]
        source = {**self.origin, "parts": parts}
        first, last = self.pieces[0][1], self.pieces[-1][1]
        if first.instruction is not None:
            source["instruction"] = first.instruction
        if last.success is not None:
            source["outcome"] = SUCCESS if last.success else FAILURE
        if loss := self._loss():
            report = loss.report(self.origin["start_ns"])
            source["losses"] = [*_without(self.origin["losses"], report), report]
            source["dropped"] = {**self.origin["dropped"], LEFT_OUT: report["steps"]}
        return source

    @property
    def _step_ns(self) -> int:
        return round(1e9 / self.dataset.fps)

    def _loss(self) -> Loss | None:
        """Steps that are left out now or were by earlier edits, None without any."""
        kept = {number: piece for number, (_, piece) in zip(self.parts, self.pieces, strict=True)}
        ranges: list[tuple[int, int]] = []
        for number, part in enumerate(self.origin["parts"]):
            if number not in kept and number in self.taken:
                continue
            piece = kept.get(number)
            first, end = (piece.start, piece.end) if piece else (0, 0)
            at_ns = part["first_due_ns"]
            for low, high in ((0, first), (end, part["frames"])):
                if high > low:
                    last_ns = at_ns + (high - 1) * self._step_ns
                    ranges.append((at_ns + low * self._step_ns, last_ns))
        if not ranges:
            return None
        steps = sum((last - first) // self._step_ns + 1 for first, last in ranges)
        start_ns = min(first for first, _ in ranges)
        loss = Loss(LEFT_OUT, steps, start_ns, max(last for _, last in ranges))
        for entry in self.origin["losses"]:
            if entry["reason"] == LEFT_OUT:
                begin_ns = self.origin["start_ns"]
                loss.steps += entry["steps"]
                loss.first_ns = min(loss.first_ns, begin_ns + round(entry["first_s"] * 1e9))
                loss.last_ns = max(loss.last_ns, begin_ns + round(entry["last_s"] * 1e9))
        return loss


def _without(losses: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> list[Any]:
    return [loss for loss in losses if loss["reason"] != report["reason"]]


def _groups(pieces: Sequence[Piece]) -> list[_Group]:
    groups: dict[tuple[int, int, str | None], _Group] = {}
    taken: dict[tuple[int, int], set[int]] = {}
    places = {
        id(piece.dataset): {e["episode_index"]: e for e in piece.dataset.own["episodes"]}
        for piece in pieces
    }
    for index, piece in enumerate(pieces):
        entry = places[id(piece.dataset)][piece.episode.index]
        key = (id(piece.dataset), entry["source"], piece.instruction)
        origin = piece.dataset.own["sources"][entry["source"]]
        mine = taken.setdefault(key[:2], set())
        mine.add(entry["part"])
        group = groups.setdefault(key, _Group(piece.dataset, origin, mine))
        group.pieces.append((index, piece))
        group.parts.append(entry["part"])
    return list(groups.values())


def _part(piece: Piece, part: Mapping[str, Any], step_ns: int) -> dict[str, Any]:
    if piece.is_whole:
        return dict(part)
    columns, features = piece.dataset.columns(piece.episode), piece.dataset.info["features"]
    flips = sum(
        sign_flips(columns[name][piece.start : piece.end], features[name]["names"])
        for name in (STATE, ACTION)
    )
    first_ns = part["first_due_ns"] + piece.start * step_ns
    return {**part, "frames": len(piece), "first_due_ns": first_ns, "sign_flips": flips}
