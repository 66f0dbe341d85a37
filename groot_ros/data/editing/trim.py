"""Which frames of an episode stay: by time, by movement, by an edit list."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.conversion.idle import MARGIN_NS
from groot_ros.data.datasets.edits import Edit
from groot_ros.data.datasets.pieces import Piece
from groot_ros.data.datasets.reader import Dataset, EpisodeFiles
from groot_ros.data.datasets.writer import STATE
from groot_ros.data.review.training_warnings import still_limits
from groot_ros.errors import UserError


def by_time(
    dataset: Dataset, episodes: Sequence[EpisodeFiles], start_s: float, end_s: float | None
) -> list[Edit]:
    """Keep what is from `start_s` on and before `end_s`, in s since an episode began; the end of
    shorter episodes stays. UserError where nothing would be left."""
    if not 0 <= start_s < math.inf or (end_s is not None and not start_s < end_s < math.inf):
        until = "their end" if end_s is None else f"{end_s:g} s"
        raise UserError(
            f"episodes would be kept from {start_s:g} s to {until}, expected 0 <= start < end"
        )
    # A frame counts from its time on; the sum may differ from it in the last digit.
    start = int(np.ceil(start_s * dataset.fps - 1e-6))
    edits = []
    for episode in episodes:
        end = episode.length
        if end_s is not None:
            end = min(end, int(np.ceil(end_s * dataset.fps - 1e-6)))
        if start >= end:
            raise UserError(
                f"episode {episode.index} of {dataset.path} lasts "
                f"{episode.length / dataset.fps:.1f} s, nothing of it would be left: choose other "
                "--episodes, or delete it"
            )
        edits.append(Edit(start=start, end=end))
    return edits


def by_movement(dataset: Dataset, episodes: Iterable[EpisodeFiles]) -> list[Edit]:
    """Keep the movement, and as much beside it as `convert --trim-idle` does.

    An episode in which nothing moves stays as it is.
    """
    rows = [dataset.columns(episode).get(STATE) for episode in dataset.episodes]
    states = [values for values in rows if values is not None]
    if len(states) < len(rows):
        raise UserError(f"{dataset.path} has episodes without {STATE}: give --start_s and --end_s")
    limits = still_limits(states)
    margin = round(MARGIN_NS / 1e9 * dataset.fps)
    by_index = dict(zip((e.index for e in dataset.episodes), states, strict=True))
    return [_movement(by_index[episode.index], limits, margin) for episode in episodes]


def _movement(state: NDArray[np.float32], limits: NDArray[np.float64], margin: int) -> Edit:
    away, back = (np.any(np.abs(state - state[end]) > limits, axis=1) for end in (0, -1))
    if not away.any():
        return Edit(start=0, end=len(state))
    first, last = int(np.argmax(away)), len(state) - 1 - int(np.argmax(back[::-1]))
    return Edit(start=max(0, first - margin), end=min(len(state), last + 1 + margin))


def edited(dataset: Dataset, edits: Mapping[int, Edit]) -> list[Piece]:
    """What becomes of the episodes of a dataset; edits by index.

    UserError for an edit of an episode or a frame that is not there.
    """
    known = {episode.index for episode in dataset.episodes}
    for index in edits.keys() - known:
        raise UserError(f"{dataset.path} has no episode {index}, which the edits name")
    found = []
    for episode in dataset.episodes:
        edit = edits.get(episode.index, Edit())
        if edit.discard:
            continue
        start, end = edit.start or 0, episode.length if edit.end is None else edit.end
        if not 0 <= start < end <= episode.length:
            raise UserError(
                f"the edits keep frames {start} to {end} of episode {episode.index} of "
                f"{dataset.path}, which has {episode.length}"
            )
        piece = Piece.whole(dataset, episode)
        found.append(
            replace(
                piece, start=start, end=end, instruction=edit.instruction, success=edit.success
            )
        )
    return found


def long_enough(pieces: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Pieces that are kept, and trimmed ones that are left out since they are shorter than a
    chunk of actions, as in a conversion."""
    kept: list[Piece] = []
    short: list[Piece] = []
    for piece in pieces:
        horizon = piece.dataset.own.get("horizon", 1)
        (kept if piece.is_whole or len(piece) >= horizon else short).append(piece)
    return kept, short
