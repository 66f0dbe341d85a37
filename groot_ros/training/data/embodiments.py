"""Which datasets of a mixture teach the same embodiment, and the ranges of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from groot_ros.data.datasets.statistics import merge_statistics
from groot_ros.errors import UserError
from groot_ros.training.data.source import Source, table_statistics


def by_embodiment(sources: Sequence[Source]) -> dict[str, list[Source]]:
    """Datasets by embodiment, in their order; UserError where two of one are not alike."""
    found: dict[str, list[Source]] = {}
    for source in sources:
        found.setdefault(source.embodiment, []).append(source)
    for tag, alike in found.items():
        for other in alike[1:]:
            _check_alike(tag, alike[0], other)
    return found


def _check_alike(tag: str, one: Source, other: Source) -> None:
    """An embodiment has one set of keys, sizes, meanings, ranges and one rate."""
    for what, ours, theirs in (
        ("numbers", one.sizes, other.sizes),
        ("pictures", one.video_keys, other.video_keys),
        ("history", _history(one), _history(other)),
        ("actions", _actions(one), _actions(other)),
        ("steps per second", one.dataset.fps, other.dataset.fps),
        ("joints", *(_joints(source, one, other) for source in (one, other))),
        ("meaning of numbers", *(_meaning(source) for source in (one, other))),
    ):
        if ours != theirs:
            raise UserError(
                f"{one.dataset.path} and {other.dataset.path} both teach the embodiment {tag}, "
                f"but their {what} differ ({_shown(ours)} and {_shown(theirs)}): give each its "
                "own, such as --embodiment new_embodiment libero_sim, or leave one out"
            )


def _actions(source: Source) -> dict[str, Any]:
    configs = {action.key: action.config.to_dict() for action in source.actions}
    return {"horizon": source.horizon, **configs}


def _history(source: Source) -> dict[str, Any]:
    return {"state": source.codec.state_history, "video": source.codec.video_history}


def _joints(source: Source, one: Source, other: Source) -> Any:
    """Names of the robot's joints, where both datasets say them."""
    told = all("joints" in each.dataset.own for each in (one, other))
    return source.dataset.own["joints"] if told else None


def _meaning(source: Source) -> dict[str, Any]:
    return {group: source.codec.values.get(group) for group in ("state", "action")}


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {number}" for key, number in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def embodiment_statistics(sources: Sequence[Source], shares: Sequence[float]) -> dict[str, Any]:
    """One embodiment's entry of statistics.json, of datasets with these shares of the samples."""
    entries = [
        table_statistics(source.table, source.actions, source.horizon) for source in sources
    ]
    if len(entries) == 1:
        return entries[0]
    return {
        group: {
            key: merge_statistics([entry[group][key] for entry in entries], shares) for key in keys
        }
        for group, keys in entries[0].items()
    }
