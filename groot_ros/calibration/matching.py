"""How much later one signal shows a motion than another, from how well they match at each lag.

Both are cut into windows of a second. In each a model of the one is fitted to the other at every
lag, by least squares and for that window alone: how bright a scene is, how far away or which way
the arm is bent changes slowly, so that gains may differ from window to window, the lag may not.
Of window w, T_w is the sum of squares about the mean and R_w(lag) what the fit leaves of it. The
match of many windows

    match(lag) = 1 - sum_w R_w(lag) / sum_w T_w

is 1 where all is explained and 0 where nothing is; its maximum, a parabola through the highest
three values, is the estimate. Windows are independent, so the interval of 95 % is that of the
maxima of `RESAMPLED` draws of as many windows with replacement (the percentile bootstrap of B.
Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Array = NDArray[np.float64]

WINDOW_S = 1.0
RESAMPLED = 400
PERCENTILES = (2.5, 97.5)
# Fewer windows give no interval, a worse match no lag.
LEAST_WINDOWS = 5
LEAST_MATCH = 0.3
# A lag that is not known better than this is of no use.
WIDEST_S = 0.06
# Of a window: fewer samples than this say nothing.
LEAST_SAMPLES = 8
# Keeps a fit from being led by what is all but zero.
RIDGE = 1e-6
# Of a fit with gains of at least 0; it takes about as many as there are gains.
MOST_STEPS = 1000
TINY = 1e-9


class NotEstimable(Exception):
    """Why bags do not tell a number."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A time in s and the interval in which it is with 95 %."""

    value_s: float
    low_s: float
    high_s: float

    @classmethod
    def of(cls, value_s: float, found_s: Array) -> Estimate:
        """A time with the interval that holds 95 % of those that were `found` (N,)."""
        low_s, high_s = np.percentile(found_s, PERCENTILES)
        return cls(value_s=float(value_s), low_s=float(low_s), high_s=float(high_s))

    @property
    def milliseconds(self) -> tuple[int, int, int]:
        """Value, low and high, rounded."""
        return round(1e3 * self.value_s), round(1e3 * self.low_s), round(1e3 * self.high_s)

    def shifted(self, by_s: float) -> Estimate:
        """All of it later by a time."""
        return Estimate(
            value_s=self.value_s + by_s, low_s=self.low_s + by_s, high_s=self.high_s + by_s
        )

    def reversed(self) -> Estimate:
        """How much sooner, of how much later."""
        return Estimate(value_s=-self.value_s, low_s=-self.high_s, high_s=-self.low_s)

    def __str__(self) -> str:
        value, low, high = self.milliseconds
        return f"{value} ms [{low}, {high}]"


@dataclass(frozen=True, kw_only=True)
class Window:
    """`total` and, at every lag, the `residual` (L,) sum of squares of one window."""

    total: float
    residual: Array


@dataclass(frozen=True, kw_only=True)
class Matched:
    """The estimate of a lag and what it was found by: the match (L,) at each lag (L,) in s."""

    estimate: Estimate
    lags_s: Array
    match: Array


def lags_between(low_s: float, high_s: float, step_s: float) -> Array:
    """Lags (L,) in s, both ends among them."""
    count = round((high_s - low_s) / step_s) + 1
    return np.asarray(low_s + step_s * np.arange(count, dtype=np.float64))


SEARCHED_S = lags_between(-0.2, 0.6, 0.01)
# Around the best of them; the shorter the range, the more of a bag can be compared at all of it.
AROUND_S, FINE_S = 0.08, 0.002


@dataclass(frozen=True)
class Question:
    """What is to be matched, and what to do where that fails, for its sentences."""

    what: str
    remedy: str


def find_lag(windows_at: Callable[[Array], Sequence[Window]], question: Question) -> Matched:
    """The lag at which windows match best; `windows_at` makes them for lags (L,) in s.

    NotEstimable where they are too few, match too badly or do not tell one lag from others.
    """
    windows = windows_at(SEARCHED_S)
    match = _checked_match(windows, question)
    _checked_estimate(windows, SEARCHED_S, question)
    around_s = SEARCHED_S[int(np.argmax(match))]
    lags_s = lags_between(around_s - AROUND_S, around_s + AROUND_S, FINE_S)
    estimate = _checked_estimate(windows_at(lags_s), lags_s, question)
    return Matched(estimate=estimate, lags_s=SEARCHED_S, match=match)


def _checked_match(windows: Sequence[Window], question: Question) -> Array:
    """On the coarse lags."""
    if len(windows) < LEAST_WINDOWS:
        raise NotEstimable(
            f"{question.what} can be compared for {len(windows)} s, at least {LEAST_WINDOWS} s "
            f"are needed: {question.remedy}"
        )
    match = _match_of(windows)
    best = int(np.argmax(match))
    if match[best] < LEAST_MATCH:
        raise NotEstimable(
            f"{question.what} hardly changes with the motion of the arm (match "
            f"{match[best]:.2f}, at least {LEAST_MATCH:g} is needed): {question.remedy}"
        )
    if best in (0, len(match) - 1):
        raise NotEstimable(
            f"{question.what} matches best at {SEARCHED_S[best]:.2f} s, where the search ends: "
            "check the clock of the stream"
        )
    return match


def _checked_estimate(windows: Sequence[Window], lags_s: Array, question: Question) -> Estimate:
    """The peak, and between which lags 95 % of those of windows drawn anew are."""
    totals = np.array([window.total for window in windows])
    residuals = np.array([window.residual for window in windows])
    drawn = drawn_anew(len(windows))
    peaks = [
        _peak(lags_s, _match(total, residual))
        for total, residual in zip(drawn @ totals, drawn @ residuals, strict=True)
    ]
    found = Estimate.of(_peak(lags_s, _match_of(windows)), np.array(peaks))
    if found.high_s - found.low_s > WIDEST_S:
        raise NotEstimable(
            f"{question.what} matches the motion of the arm about as well at all lags from "
            f"{found.low_s * 1e3:.0f} to {found.high_s * 1e3:.0f} ms: {question.remedy}"
        )
    return found


def drawn_anew(count: int) -> NDArray[np.int64]:
    """How often each of `count` windows is in as many drawn with replacement (R, count)."""
    rng = np.random.default_rng(0)
    return rng.multinomial(count, np.full(count, 1 / count), RESAMPLED)


def _match_of(windows: Sequence[Window]) -> Array:
    total = sum(window.total for window in windows)
    return _match(total, np.sum([window.residual for window in windows], axis=0))


def _match(total: float, residual: Array) -> Array:
    return 1.0 - residual / max(float(total), np.finfo(float).tiny)


def _peak(lags_s: Array, match: Array) -> float:
    """Where the parabola through the highest value and its neighbours is highest."""
    index = int(np.clip(np.argmax(match), 1, len(match) - 2))
    before, here, after = match[index - 1 : index + 2]
    bend = before - 2 * here + after
    share = 0.5 * (before - after) / bend if bend < 0 else 0.0
    step_s = float(lags_s[1] - lags_s[0])
    return float(lags_s[index] + np.clip(share, -1.0, 1.0) * step_s)


def cut(times_s: Array) -> Iterator[slice]:
    """Windows of times (N,) in order, as slices of them."""
    if len(times_s) == 0:
        return
    edges = np.arange(times_s[0], times_s[-1] + WINDOW_S, WINDOW_S)
    borders = np.searchsorted(times_s, edges)
    for first, last in zip(borders[:-1], borders[1:], strict=True):
        if last - first >= LEAST_SAMPLES:
            yield slice(int(first), int(last))


def speeds_window(seen: Array, speeds: Array) -> Window:
    """A window of what was `seen` (N,) as a sum of `speeds` (L, N, F) with gains of at least 0.

    Motion adds to what changes, it never takes from it.
    """
    centred = seen - seen.mean()
    columns = speeds - speeds.mean(axis=1, keepdims=True)
    # Columns of one length, so that none is all but zero beside others.
    columns = columns / (np.linalg.norm(columns, axis=1, keepdims=True) + TINY)
    left = [nnls(fitted, centred, maxiter=MOST_STEPS)[1] for fitted in columns]
    return Window(total=float(centred @ centred), residual=np.square(left))


def steps_window(seen: Array, steps: Array) -> Window:
    """A window of `seen` steps (N, D) as a linear function of `steps` (L, N, J)."""
    gram = np.einsum("lnj,lnk->ljk", steps, steps)
    both = np.einsum("lnj,nd->ljd", steps, seen)
    scale = np.sqrt(np.einsum("ljj->lj", gram)) + TINY
    gram, both = gram / scale[:, :, None] / scale[:, None, :], both / scale[:, :, None]
    explained = np.sum(_solve(gram, both) * both, axis=(1, 2))
    total = float(np.sum(seen**2))
    return Window(total=total, residual=np.maximum(total - explained, 0.0))


def _solve(gram: Array, both: Array) -> Array:
    return np.asarray(np.linalg.solve(gram + RIDGE * np.eye(gram.shape[-1]), both))
