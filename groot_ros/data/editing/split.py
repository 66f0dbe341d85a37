"""How the episodes of a dataset are divided among several."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.editing.choice import indices
from groot_ros.errors import UserError

Parts = dict[str, list[EpisodeFiles]]

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
LONGEST_NAME = 60


def named_values(texts: Sequence[str], example: str) -> dict[str, str]:
    """NAME=VALUE by name; UserError for another form, a name twice or one that no folder has."""
    found: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not value or not _NAME.fullmatch(name) or name in found:
            raise UserError(f"{text!r} is not NAME=VALUE with a new name, such as {example}")
        found[name] = value
    return found


def by_fractions(dataset: Dataset, fractions: Mapping[str, float], seed: int) -> Parts:
    """Random shares; episodes of one demonstration stay together, in order.

    `fractions` are above 0 and sum up to 1. The seed alone decides, and how many demonstrations
    there are.
    """
    if seed < 0:
        raise UserError(f"seed is {seed}, expected 0 or more")
    total = sum(fractions.values())
    for name, share in fractions.items():
        if share <= 0:
            raise UserError(f"the share of {name} is {share:g}, expected more than 0")
    if not abs(total - 1) <= 1e-6:
        raise UserError(f"fractions sum up to {total:g}, expected numbers above 0 that make 1")
    groups = _demonstrations(dataset)
    order = np.random.default_rng(seed).permutation(len(groups))
    ends = np.round(np.cumsum(list(fractions.values())) * len(groups)).astype(int)
    parts: Parts = {}
    for name, chosen in zip(fractions, np.split(order, ends[:-1]), strict=True):
        parts[name] = [episode for index in sorted(chosen) for episode in groups[index]]
    return _filled(parts, dataset)


def _demonstrations(dataset: Dataset) -> list[list[EpisodeFiles]]:
    """Episodes by what they come of: an episode of a bag may have become several."""
    origins = {e["episode_index"]: e["source"] for e in dataset.own.get("episodes", [])}
    groups: dict[tuple[str, int], list[EpisodeFiles]] = {}
    for episode in dataset.episodes:
        source = origins.get(episode.index)
        key = ("episode", episode.index) if source is None else ("source", source)
        groups.setdefault(key, []).append(episode)
    return list(groups.values())


def by_episodes(dataset: Dataset, chosen: Mapping[str, str]) -> Parts:
    """Shares by indices and ranges; UserError for an episode in two of them."""
    parts: Parts = {}
    owner: dict[int, str] = {}
    for name, text in chosen.items():
        wanted = indices(text, dataset)
        for index in sorted(wanted & owner.keys()):
            raise UserError(f"episode {index} is in {owner[index]} and in {name}, expected in one")
        owner |= dict.fromkeys(wanted, name)
        parts[name] = [episode for episode in dataset.episodes if episode.index in wanted]
    return _filled(parts, dataset)


def by_instruction(dataset: Dataset) -> Parts:
    """A share for each instruction, named after it."""
    parts: Parts = {}
    names: dict[str, str] = {}
    for episode in dataset.episodes:
        task = episode.tasks[0] if episode.tasks else ""
        if task not in names:
            plain = re.sub(r"[^a-z0-9]+", "_", task.lower()).strip("_")[:LONGEST_NAME]
            names[task] = plain if plain and plain not in parts else f"{plain}_{len(parts)}"
        parts.setdefault(names[task], []).append(episode)
    return _filled(parts, dataset)


def _filled(parts: Parts, dataset: Dataset) -> Parts:
    for name, episodes in parts.items():
        if not episodes:
            raise UserError(
                f"{name} would get none of the {len(dataset.episodes)} episodes of "
                f"{dataset.path}: give it more"
            )
    return parts
