"""What is odd about the rows of one episode, each with the times at which it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from groot_ros.data.datasets.writer import ACTION, STATE
from groot_ros.data.review.training_warnings import CONSTANT, IDLE_S, OUTLIER_SPREADS, STILL_SHARE

Array = NDArray[np.float64]

# The command of an arm that is followed well is ahead of it by less than this.
LATE_S = 0.5
LONGEST_LAG_S = 1.0
# A lag is told where what the shifted state differs by is at most this share of the variance.
UNEXPLAINED = 0.2
# A jump of a number is so many times the steps about it, as many before as behind, and so much of
# its range.
JUMP_STEPS = 8.0
ABOUT_STEPS = 4
JUMP_SHARE = 0.1
# A number with no more values than this decides, and may jump.
DECIDING_VALUES = 2


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One odd thing; times in s of the episode, None where it has none."""

    kind: str
    """dropped, still, outlier, jump, lag, note, mark or unreadable."""
    text: str
    first_s: float | None = None
    last_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "text": self.text,
            "first_s": self.first_s,
            "last_s": self.last_s,
        }


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """A column (T, D) of an episode with the names of its numbers and the dataset's statistics."""

    label: str
    """state or action."""
    names: Sequence[str]
    values: Array
    statistics: Mapping[str, Array]
    """min, max and, where known, q01, q99 of every number, (D,)."""

    @property
    def spread(self) -> Array:
        """Range of each number over the dataset, else over the episode."""
        if {"min", "max"} <= self.statistics.keys():
            return np.subtract(self.statistics["max"], self.statistics["min"])
        return np.asarray(np.ptp(self.values, axis=0))


def loss_findings(source: Mapping[str, Any], begin_s: float) -> list[Anomaly]:
    """What a conversion left out of a recording and what it doubts.

    `source` is what `EpisodeResult.to_dict` says of it, `begin_s` where the shown episode begins
    in it.
    """
    losses = [
        Anomaly(
            kind="dropped",
            text=f"{loss['steps']} steps left out: {loss['reason']}"
            + (f" [{loss['topic']}]" if loss["topic"] else ""),
            first_s=loss["first_s"] - begin_s,
            last_s=loss["last_s"] - begin_s,
        )
        for loss in source.get("losses", [])
    ]
    return losses + [Anomaly(kind="note", text=note) for note in source.get("notes", [])]


def measure_episode(
    columns: Mapping[str, Numbers], pairs: Sequence[tuple[slice, slice]], fps: float
) -> tuple[list[Anomaly], dict[str, float | None]]:
    """Findings and numbers of an episode out of its columns by name.

    `pairs` are where state and action hold the same signal. The numbers are `lag_s`, by how much
    actions lead the state, and `jerk`, how jerky the actions are.
    """
    found: list[Anomaly] = []
    state, action = columns.get(STATE), columns.get(ACTION)
    if state is not None:
        found += _still(state, fps)
    for numbers in columns.values():
        found += _outliers(numbers, fps)
    lag_s = None
    if action is not None:
        found += _jumps(action, fps)
        if state is not None:
            lag_s = label_lag_s(state, action, pairs, fps)
    if lag_s is not None and lag_s < -1 / fps:
        text = f"actions come {-lag_s:.2f} s behind the state that they should lead to"
        found.append(Anomaly(kind="lag", text=text))
    elif lag_s is not None and lag_s > LATE_S:
        text = f"the state follows the actions {lag_s:.2f} s late"
        found.append(Anomaly(kind="lag", text=text))
    jerk = None if action is None else dimensionless_jerk(action)
    return found, {"lag_s": lag_s, "jerk": jerk}


def _still(state: Numbers, fps: float) -> Iterator[Anomaly]:
    limit = STILL_SHARE * state.spread + CONSTANT
    count = len(state.values)
    for name, rows in (("beginning", state.values), ("end", state.values[::-1])):
        moved = np.any(np.abs(rows - rows[:1]) > limit, axis=1)
        still = int(np.argmax(moved)) if moved.any() else count
        if still / fps > IDLE_S:
            first = 0 if name == "beginning" else count - still
            yield Anomaly(
                kind="still",
                text=f"stands still for {still / fps:.1f} s at the {name}",
                first_s=first / fps,
                last_s=(first + still) / fps,
            )


def _outliers(numbers: Numbers, fps: float) -> Iterator[Anomaly]:
    values = numbers.values
    broken = ~np.isfinite(values)
    far = np.zeros_like(broken)
    if {"q01", "q99"} <= numbers.statistics.keys():
        low, high = numbers.statistics["q01"], numbers.statistics["q99"]
        margin = OUTLIER_SPREADS * (high - low) + CONSTANT
        far = (values < low - margin) | (values > high + margin)
    for what, bad in (("is not finite", broken), ("lies far outside all others", far & ~broken)):
        for index in np.flatnonzero(bad.any(axis=0)).tolist():
            rows = np.flatnonzero(bad[:, index])
            yield Anomaly(
                kind="outlier",
                text=f"{numbers.label} {numbers.names[index]} {what} in {len(rows)} rows",
                first_s=float(rows[0] / fps),
                last_s=float((rows[-1] + 1) / fps),
            )


def _jumps(action: Numbers, fps: float) -> Iterator[Anomaly]:
    """Steps of a number that stand alone; a motion that begins fast goes on fast."""
    steps = np.abs(np.diff(action.values, axis=0))
    if len(steps) <= 2 * ABOUT_STEPS or not np.isfinite(steps).all():
        return
    about = sliding_window_view(steps, 2 * ABOUT_STEPS + 1, axis=0)
    others = np.sort(np.delete(about, ABOUT_STEPS, axis=-1), axis=-1)
    usual = np.full_like(steps, np.inf)
    # A single wrong value is two steps, there and back.
    usual[ABOUT_STEPS : len(steps) - ABOUT_STEPS] = others[..., -2]
    jumps = (steps > JUMP_STEPS * usual) & (steps > JUMP_SHARE * action.spread + CONSTANT)
    jumps[:, [not moves for moves in _moving(action.values)]] = False
    for index in np.flatnonzero(jumps.any(axis=0)).tolist():
        rows = np.flatnonzero(jumps[:, index])
        worst = int(rows[np.argmax(steps[rows, index])])
        yield Anomaly(
            kind="jump",
            text=f"action {action.names[index]} jumps by {steps[worst, index]:.3g} in one step",
            first_s=float(rows[0] / fps),
            last_s=float((rows[-1] + 2) / fps),
        )


def _moving(values: Array) -> list[bool]:
    """Which numbers take more values than one that decides."""
    return [len(np.unique(column)) > DECIDING_VALUES for column in values.T]


def label_lag_s(
    state: Numbers, action: Numbers, pairs: Sequence[tuple[slice, slice]], fps: float
) -> float | None:
    """By how many s the state follows the actions; None where shifting explains little.

    The shift k at which the mean of (state[t + k] - action[t])^2, each number divided by its
    range in the dataset, is least, made finer by the parabola through its neighbours.
    """
    most = min(round(LONGEST_LAG_S * fps), len(state.values) // 3)
    if most < 1 or not pairs:
        return None
    left = np.concatenate([state.values[:, one] for one, _ in pairs], axis=1)
    right = np.concatenate([action.values[:, other] for _, other in pairs], axis=1)
    scale = np.concatenate([state.spread[one] for one, _ in pairs])
    used = (scale > CONSTANT) & _moving(right)
    if not used.any() or not (np.isfinite(left).all() and np.isfinite(right).all()):
        return None
    left, right = left[:, used] / scale[used], right[:, used] / scale[used]
    middle = right[most : len(right) - most]
    errors = [
        float(np.mean((left[most + shift : most + shift + len(middle)] - middle) ** 2))
        for shift in range(-most, most + 1)
    ]
    best = int(np.argmin(errors))
    if best in (0, 2 * most) or errors[best] > UNEXPLAINED * float(middle.var(axis=0).mean()):
        return None
    below, at, above = errors[best - 1 : best + 2]
    bend = below - 2 * at + above
    fine = 0.5 * (below - above) / bend if bend > 0 else 0.0
    return round((best + fine - most) / fps, 4)


def dimensionless_jerk(action: Numbers) -> float | None:
    """How jerky actions are: mean square of the third difference over that of the first.

    The same motion gives the same number in any unit and size; 0 is a straight line. Numbers that
    decide (two values) are left out. (N. Hogan and D. Sternad, "Sensitivity of smoothness
    measures to movement duration, amplitude, and arrests", 2009, discuss such ratios.)
    """
    values = action.values
    if len(values) < 5 or not np.isfinite(values).all():
        return None
    first = np.diff(values, axis=0)
    third = np.diff(values, 3, axis=0)
    moving = _moving(values)
    speed = np.mean(first[:, moving] ** 2, axis=0)
    moving_speed = speed > CONSTANT**2
    if not moving_speed.any():
        return None
    ratio = np.mean(third[:, moving] ** 2, axis=0)[moving_speed] / speed[moving_speed]
    return round(float(np.median(ratio)), 6)
