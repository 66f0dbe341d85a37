"""How the arm follows its commands.

It is taken for a delay d and a first-order lag T: a command counts until the next one, so that
u(t) is a staircase, and what is measured, the position of the hand or of the joints y, follows

    T y'(t) = u(t - d) - y(t)

On a grid of `GRID_S`, with u_k the mean of u over (t_k, t_k+1), the response without the delay is
x_k+1 = a x_k + (1 - a) u_k, a = exp(-GRID_S / T): exact where u changes on the grid, and by less
than a share GRID_S / T of its step elsewhere. It begins at the first command, as if the arm were
there; `FORGOTTEN_S` later it does not matter that it was not. Between the times of the grid it is
taken for straight. Compared are its steps over `STEP_S` with those that were measured, so that an
arm that hangs a little below its command, or a tool that is measured elsewhere, is no lag.

(d, T) are those at which the sum of squares of all windows is least: on a coarse grid, then on a
fine one around it, then at the least of the quadric through the 5 x 5 places about the best one.
The two are coupled, a longer delay looks much like a slower arm, so their intervals are wider than
that of their sum; all are of windows drawn anew, as in `matching`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from groot_ros.calibration.latency import Shown
from groot_ros.calibration.matching import (
    LEAST_MATCH,
    LEAST_WINDOWS,
    WIDEST_S,
    Estimate,
    NotEstimable,
    cut,
    drawn_anew,
)
from groot_ros.calibration.recording import CalibrationRecording
from groot_ros.data.playback.signals import Signal
from groot_ros.observation.fields import NS
from groot_ros.signals.kinds import JOINTS, POSE, Kind

Array = NDArray[np.float64]

GRID_S = 0.0025
STEP_S = 0.05
# States may be later than they say: then the arm seems to move before it is told to.
DELAYS_S = np.arange(-0.04, 0.61, 0.02)
CONSTANTS_S = np.arange(0.0, 0.61, 0.02)
FINE_S, AROUND_S = 0.0025, 0.03
# How often the fine grid is moved to where the best of it is.
CENTRINGS = 4
# Measured positions closer to one another say nothing new.
SAMPLE_S = 0.01
# Where the arm was at first does not matter any more.
FORGOTTEN_S = 0.8
# A command that is older than this is none.
OLDEST_S = 1.0
# Commands that move less within a second, in m or rad, tell nothing of how they are followed.
LEAST_WAY: dict[Kind, float] = {POSE: 0.005, JOINTS: 0.01}


@dataclass(frozen=True, kw_only=True)
class Response:
    """From commands to the motion that is measured."""

    delay: Estimate
    time_constant: Estimate
    total: Estimate
    """Delay and time constant together."""
    matches: Array
    """(D, T) on the coarse grid of delays `DELAYS_S` and time constants `CONSTANTS_S`."""
    shown: Shown


@dataclass(frozen=True)
class _Run:
    """Commands on a grid and what was measured, of one recording; times since its beginning."""

    commands: Array
    """Means (G, D) over the steps of the grid."""
    times_s: Array
    measured: Array
    """Positions (N, D) at those times (N,)."""
    counts: NDArray[np.bool_]
    """Whether a command is in force then (N,)."""
    least_way: float

    @classmethod
    def of(cls, recording: CalibrationRecording, signal: str) -> _Run | None:
        command, state = recording.commands.get(signal), recording.states.get(signal)
        if not command or not state:
            return None
        least_way = LEAST_WAY[state.kind]
        command, state = _positions(command), _positions(state)
        begin_ns = max(command.times_ns[0], state.times_ns[0])
        within = (state.times_ns >= begin_ns) & (
            state.times_ns <= command.times_ns[-1] + OLDEST_S * NS
        )
        times_ns, measured = state.times_ns[within], state.values[within]
        apart_s = float(np.median(np.diff(times_ns))) / NS if len(times_ns) > 1 else 1.0
        every = max(1, round(SAMPLE_S / max(apart_s, 1e-4)))
        times_ns, measured = times_ns[::every], measured[::every]
        if len(times_ns) < 2 or times_ns[-1] - begin_ns < NS:
            return None
        newest = np.searchsorted(command.times_ns, times_ns, side="right") - 1
        return cls(
            commands=_staircase_means(command, begin_ns, times_ns[-1]),
            times_s=(times_ns - begin_ns) / NS,
            measured=measured,
            counts=times_ns - command.times_ns[newest] <= OLDEST_S * NS,
            least_way=least_way,
        )

    def response(self, constant_s: float) -> Array:
        """Positions (G + 1, D) on the grid of an arm that follows with no delay."""
        keep = np.exp(-GRID_S / constant_s) if constant_s > 0 else 0.0
        start = self.commands[:1]
        answer, _ = lfilter([1 - keep], [1, -keep], self.commands, axis=0, zi=keep * start)
        return np.concatenate([start, np.asarray(answer)])

    def delayed(self, response: Array, delay_s: float) -> Array:
        """A response (N, D) at the times of what was measured; the arm stands still before it."""
        place = np.clip((self.times_s - delay_s) / GRID_S, 0.0, len(response) - 1.001)
        index = place.astype(np.int64)
        share = (place - index)[:, None]
        return np.asarray((1 - share) * response[index] + share * response[index + 1])

    def sums(self, delays_s: Array, constants_s: Array) -> Iterator[tuple[float, Array]]:
        """Of each window the sum of squares of the measured steps, and (D, T) of what each delay
        and time constant leave of it."""
        span = max(1, round(STEP_S / float(np.median(np.diff(self.times_s)))))
        steps, times_s = self.measured[span:] - self.measured[:-span], self.times_s[span:]
        parts = [part for part in cut(times_s) if self._tells(part, span)]
        left = np.empty((len(parts), len(delays_s), len(constants_s)))
        for column, constant_s in enumerate(constants_s):
            response = self.response(float(constant_s))
            for row, delay_s in enumerate(delays_s):
                model = self.delayed(response, float(delay_s))
                error = np.sum((steps - model[span:] + model[:-span]) ** 2, axis=1)
                left[:, row, column] = [error[part].sum() for part in parts]
        for part, rest in zip(parts, left, strict=True):
            yield float(np.sum(steps[part] ** 2)), rest

    def _tells(self, part: slice, span: int) -> bool:
        """Whether a window of steps is one of commanded motion."""
        times_s = self.times_s[span:][part]
        first, last = int(times_s[0] / GRID_S), int(times_s[-1] / GRID_S)
        way = np.linalg.norm(np.ptp(self.commands[first : last + 1], axis=0))
        has_begun = times_s[0] >= FORGOTTEN_S
        return has_begun and bool(np.all(self.counts[span:][part])) and float(way) > self.least_way


def _positions(signal: Signal) -> Signal:
    """Of poses the positions, all of joints."""
    return Signal(signal.times_ns, signal.values[:, :3]) if signal.kind == POSE else signal


def _staircase_means(command: Signal, begin_ns: int, end_ns: int) -> Array:
    """Means (G, D) over each step of a grid of positions that are held until the next ones."""
    known_s = (command.times_ns - command.times_ns[0]) / NS
    values = command.values
    areas = np.cumsum(values[:-1] * np.diff(known_s)[:, None], axis=0)
    area = np.concatenate([np.zeros((1, values.shape[1])), areas])
    begin_s = (begin_ns - command.times_ns[0]) / NS
    edges_s = begin_s + GRID_S * np.arange(int((end_ns - begin_ns) / NS / GRID_S) + 2)
    index = np.maximum(np.searchsorted(known_s, edges_s, side="right") - 1, 0)
    at_edges = area[index] + values[index] * (edges_s - known_s[index])[:, None]
    return np.asarray(np.diff(at_edges, axis=0) / GRID_S)


def find_response(recordings: Sequence[CalibrationRecording], signal: str) -> Response:
    """Delay and time constant of ee_pose or joint_position as measured behind as commanded, both
    by the clocks of their streams; NotEstimable says why not."""
    runs = [run for recording in recordings if (run := _Run.of(recording, signal))]
    if not runs:
        raise NotEstimable(f"no bag holds {signal} as commanded and as measured")
    matches = _coarse_matches(runs, signal)
    row, column = np.unravel_index(int(np.argmax(matches)), matches.shape)
    best = float(DELAYS_S[row]), float(CONSTANTS_S[column])
    for _ in range(CENTRINGS):
        fine = _Fine.around(runs, *best)
        before, best = best, fine.least(fine.left.sum(axis=0))
        if np.all(np.abs(np.subtract(best, before)) < AROUND_S / 2):
            break
    again = fine.drawn_anew()
    delay, constant = Estimate.of(best[0], again[:, 0]), Estimate.of(best[1], again[:, 1])
    for name, estimate in (("delay", delay), ("time constant", constant)):
        if estimate.high_s - estimate.low_s > WIDEST_S:
            raise NotEstimable(
                f"the {name} is not known better than from {estimate.low_s * 1e3:.0f} to "
                f"{estimate.high_s * 1e3:.0f} ms: record motions that begin and end more often"
            )
    run = max(runs, key=lambda run: float(np.ptp(run.measured)))
    return Response(
        delay=delay,
        time_constant=constant,
        total=Estimate.of(sum(best), again.sum(axis=1)),
        matches=matches,
        shown=_shown(run, *best),
    )


def _coarse_matches(runs: Sequence[_Run], signal: str) -> Array:
    """Matches (D, T) on the coarse grid."""
    totals, left = _sums(runs, DELAYS_S, CONSTANTS_S)
    if len(totals) < LEAST_WINDOWS:
        raise NotEstimable(
            f"commands of {signal} move the arm for {len(totals)} s, at least {LEAST_WINDOWS} s "
            "are needed: record more of it"
        )
    matches = 1.0 - left.sum(axis=0) / totals.sum()
    if matches.max() < LEAST_MATCH:
        raise NotEstimable(
            f"{signal} as measured does not follow {signal} as commanded (match "
            f"{matches.max():.2f}, at least {LEAST_MATCH:g} is needed): check that both are of "
            "the same arm, link and frame"
        )
    return np.asarray(matches)


def _sums(runs: Sequence[_Run], delays_s: Array, constants_s: Array) -> tuple[Array, Array]:
    """Sums of squares (W,) of all windows and what is left of them (W, D, T)."""
    found = [pair for run in runs for pair in run.sums(delays_s, constants_s)]
    left = np.array([rest for _, rest in found]).reshape(-1, len(delays_s), len(constants_s))
    return np.array([total for total, _ in found]), left


@dataclass(frozen=True)
class _Fine:
    """What delays (D,) and time constants (T,) in s leave of each window (W, D, T)."""

    delays_s: Array
    constants_s: Array
    left: Array

    @classmethod
    def around(cls, runs: Sequence[_Run], delay_s: float, constant_s: float) -> _Fine:
        delays_s = _near(delay_s, float(DELAYS_S[0]))
        constants_s = _near(constant_s, float(CONSTANTS_S[0]))
        return cls(delays_s, constants_s, _sums(runs, delays_s, constants_s)[1])

    def drawn_anew(self) -> Array:
        """The best of as many windows drawn with replacement (R, 2), in s."""
        drawn = drawn_anew(len(self.left))
        return np.array([self.least(np.tensordot(times, self.left, axes=1)) for times in drawn])

    def least(self, left: Array) -> tuple[float, float]:
        """Where the quadric about the least value (D, T) is least."""
        row, column = np.unravel_index(int(np.argmin(left)), left.shape)
        rows = np.clip(np.arange(row - 2, row + 3), 0, len(self.delays_s) - 1)
        columns = np.clip(np.arange(column - 2, column + 3), 0, len(self.constants_s) - 1)
        delay_s, constant_s = float(self.delays_s[row]), float(self.constants_s[column])
        grid = np.meshgrid(
            self.delays_s[rows] - delay_s, self.constants_s[columns] - constant_s, indexing="ij"
        )
        d, t = (axis.ravel() for axis in grid)
        values = left[np.ix_(rows, columns)].ravel()
        design = np.stack([np.ones_like(d), d, t, d * d, d * t, t * t], axis=1)
        _, by_d, by_t, dd, dt, tt = np.linalg.lstsq(design, values, rcond=None)[0]
        bend = np.array([[2 * dd, dt], [dt, 2 * tt]])
        if np.all(np.linalg.eigvalsh(bend) > 0):
            move = -np.linalg.solve(bend, [by_d, by_t])
            if np.all(np.abs(move) <= 2 * FINE_S):
                return delay_s + float(move[0]), max(0.0, constant_s + float(move[1]))
        return delay_s, constant_s


def _near(about_s: float, least_s: float) -> Array:
    fine = about_s + np.arange(-AROUND_S, AROUND_S + FINE_S / 2, FINE_S)
    return np.asarray(fine[fine >= least_s - 1e-9])


def _shown(run: _Run, delay_s: float, constant_s: float) -> Shown:
    """The axis, or joint, that moves farthest."""
    model = run.delayed(run.response(constant_s), delay_s)
    axis = int(np.argmax(np.ptp(run.measured, axis=0)))
    return Shown(times_s=run.times_s, seen=run.measured[:, axis], told=model[:, axis])
