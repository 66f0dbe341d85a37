"""Whether datasets can be one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from groot_ros.data.datasets.reader import Dataset
from groot_ros.errors import UserError
from groot_ros.files.config_file import shown

# What groot_ros.json says of single episodes, or of what was measured.
DIFFERENT = ("bags", "sources", "episodes", "left_out", "envelope", "versions")


def check_fit(datasets: Sequence[Dataset]) -> None:
    """UserError names two datasets and the first thing in which they differ, or an episode that
    both hold."""
    first = datasets[0]
    for other in datasets[1:]:
        _check_formats(first, other)
        for what, here, there in _differences(first, other):
            raise UserError(
                f"{first.path} and {other.path} cannot be one dataset: {what} is {shown(here)} "
                f"and {shown(there)}; convert their bags with the same options"
            )
    _check_twice(datasets)


def _check_formats(first: Dataset, other: Dataset) -> None:
    if first.format == other.format:
        return
    raise UserError(
        f"{first.path} is in format {first.info['codebase_version']}, {other.path} in "
        f"{other.info['codebase_version']}: make them alike with groot-ros dataset convert "
        f"{other.path} --format {first.format}"
    )


def _differences(first: Dataset, other: Dataset) -> Iterator[tuple[str, Any, Any]]:
    """What differs: its name, and how it is here and there."""
    here, there = first.info, other.info
    if first.fps != other.fps:
        yield "fps", here["fps"], there["fps"]
    if here.get("robot_type") != there.get("robot_type"):
        yield "the robot", here.get("robot_type"), there.get("robot_type")
    yield from _unequal("feature", here["features"], there["features"])
    if bool(first.own) != bool(other.own):
        made = "made by groot-ros convert", "of another maker"
        yield "the maker", *(made if first.own else made[::-1])
    yield from _unequal("", _common(first.own), _common(other.own))
    if not first.own:
        yield from _unequal("modality.json", _modality(first), _modality(other))


def _common(own: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in own.items() if name not in DIFFERENT}


def _modality(dataset: Dataset) -> dict[str, Any]:
    return dataset.modality if (dataset.path / "meta/modality.json").exists() else {}


def _unequal(
    what: str, here: Mapping[str, Any], there: Mapping[str, Any]
) -> Iterator[tuple[str, Any, Any]]:
    """Keys whose values differ, the innermost that are mappings in both."""
    for name in dict.fromkeys([*here, *there]):
        mine, theirs = here.get(name), there.get(name)
        path = f"{what} {name}".strip()
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            yield from _unequal(path, mine, theirs)
        elif mine != theirs:
            yield path, mine, theirs


def _check_twice(datasets: Sequence[Dataset]) -> None:
    """Rows of one bag must not be in the result twice."""
    seen: dict[str, list[tuple[int, int, str]]] = {}
    for dataset in datasets:
        if not dataset.own:
            continue
        found = list(_rows_of_bags(dataset))
        for bag, begin_ns, end_ns, where in found:
            for low_ns, high_ns, other in seen.get(bag, []):
                if begin_ns < high_ns and low_ns < end_ns:
                    raise UserError(
                        f"{where} and {other} are the same moments of one bag: delete one of them "
                        "first, with groot-ros dataset delete"
                    )
        for bag, begin_ns, end_ns, where in found:
            seen.setdefault(bag, []).append((begin_ns, end_ns, where))


def _rows_of_bags(dataset: Dataset) -> Iterator[tuple[str, int, int, str]]:
    """Of each episode the fingerprint of its bag, the times of its rows in ns, and its name."""
    own, step_ns = dataset.own, round(1e9 / dataset.fps)
    for entry in own["episodes"]:
        source = own["sources"][entry["source"]]
        part = source["parts"][entry["part"]]
        bag = own["bags"].get(source["bag"], {}).get("fingerprint", source["bag"])
        begin_ns = part["first_due_ns"]
        end_ns = begin_ns + part["frames"] * step_ns
        yield bag, begin_ns, end_ns, f"episode {entry['episode_index']} of {dataset.path}"
