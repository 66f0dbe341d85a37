"""What a dataset's rows say about how well one can learn from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.statistics import sign_flips
from groot_ros.data.datasets.writer import ACTION, STATE

Columns = dict[str, NDArray[Any]]

IDLE_S = 1.0
# The rest of an episode counts as still when each number stays within this share of its range.
STILL_SHARE = 0.01
CONSTANT = 1e-6
EQUAL = 1e-6
# Beyond the 1st and 99th percentile by this many times the distance between them.
OUTLIER_SPREADS = 10.0
UNBALANCED = 5
DUPLICATE_SHARE = 0.05
DROPPED_SHARE = 0.1
# Sentences of one kind that are written out.
SHOWN = 5


def training_warnings(dataset: Dataset, rows: Sequence[Columns]) -> list[str]:
    """Sentences about rows, one dictionary of columns per episode, that hamper training."""
    if not rows:
        return []
    kinds = (_idle, _constant, _equal, _outliers, _signs)
    found = [sentence for kind in kinds for sentence in _few(list(kind(dataset, rows)))]
    return [*found, *_tasks(dataset), *_losses(dataset)]


def _few(sentences: list[str]) -> list[str]:
    more = len(sentences) - SHOWN
    return sentences[:SHOWN] + ([f"and {more} more like the last one"] if more > 0 else [])


def _names(dataset: Dataset, column: str) -> list[str]:
    """Names of a column's numbers with their keys."""
    names = dataset.names(column)
    group = "state" if column == STATE else "action"
    labelled = list(names)
    for key, place in dataset.places(group).items():
        if place.column == column:
            for index in range(place.start, place.end):
                labelled[index] = f"{group} {key}.{names[index]}"
    return labelled


def still_limits(states: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """How far each number of states (T, D) may be from another one of the same while still."""
    return np.asarray(STILL_SHARE * np.ptp(np.concatenate(states), axis=0) + CONSTANT)


def _idle(dataset: Dataset, rows: Sequence[Columns]) -> Iterator[str]:
    limit = still_limits([columns[STATE] for columns in rows])
    for index, columns in enumerate(rows):
        state = columns[STATE]
        for name, first in (("beginning", state), ("end", state[::-1])):
            moved = np.any(np.abs(first - first[0]) > limit, axis=1)
            still = int(np.argmax(moved)) if moved.any() else len(state)
            if still / dataset.fps > IDLE_S:
                yield (
                    f"episode {index} stands still for {still / dataset.fps:.1f} s at the {name}: "
                    "convert with --trim-idle, or groot-ros dataset trim --idle"
                )


def _constant(dataset: Dataset, rows: Sequence[Columns]) -> Iterator[str]:
    for column in (STATE, ACTION):
        spread = np.ptp(np.concatenate([columns[column] for columns in rows]), axis=0)
        for name, width in zip(_names(dataset, column), spread, strict=True):
            if width < CONSTANT:
                yield f"{name} never changes: the model learns nothing from it"


def _equal(dataset: Dataset, rows: Sequence[Columns]) -> Iterator[str]:
    if dataset.own.get("labels") == "reached":
        return
    state = dataset.places("state")
    for key, place in dataset.places("action").items():
        other = state.get(key)
        if other is None or other.size != place.size:
            continue
        gaps = (other.of(columns) - place.of(columns) for columns in rows)
        if max(float(np.max(np.abs(gap))) for gap in gaps) < EQUAL:
            yield f"action {key} equals the state: check that its topic carries commands"


def _outliers(dataset: Dataset, rows: Sequence[Columns]) -> Iterator[str]:
    for column in (STATE, ACTION):
        values = np.concatenate([columns[column] for columns in rows])
        low, high = np.quantile(values, [0.01, 0.99], axis=0)
        margin = OUTLIER_SPREADS * (high - low)
        far = (values < low - margin - CONSTANT) | (values > high + margin + CONSTANT)
        for name, count in zip(_names(dataset, column), far.sum(axis=0), strict=True):
            if count:
                yield f"{count} values of {name} lie far outside all others: look for glitches"


def _signs(dataset: Dataset, rows: Sequence[Columns]) -> Iterator[str]:
    for column in (STATE, ACTION):
        names = dataset.names(column)
        for index, columns in enumerate(rows):
            if flips := sign_flips(columns[column], names):
                yield (
                    f"the quaternion in {column} of episode {index} changes its sign {flips} "
                    "times: the hand turns more than 180 degrees away from pointing down, use a "
                    "rot6d codec"
                )


def _tasks(dataset: Dataset) -> Iterator[str]:
    tasks = Counter(task for episode in dataset.episodes for task in episode.tasks)
    (most, many), (least, few) = tasks.most_common(1)[0], tasks.most_common()[-1]
    if many >= UNBALANCED * few:
        yield f"{many} episodes {most!r}, but only {few} {least!r}: record more of the latter"


def _losses(dataset: Dataset) -> Iterator[str]:
    frames = sum(episode.length for episode in dataset.episodes)
    sources = dataset.own.get("sources", [])
    dropped: Counter[str] = Counter()
    for source in sources:
        dropped.update(source["dropped"])
    for reason, count in dropped.most_common():
        if count > DROPPED_SHARE * (frames + count):
            yield f"{count} steps were dropped beside {frames} frames: {reason}"
    duplicates = sum(source["duplicates"] for source in sources)
    if duplicates > DUPLICATE_SHARE * frames:
        yield (
            f"{duplicates} of {frames} frames repeat the pictures before them: the cameras are "
            "slower than --fps"
        )
