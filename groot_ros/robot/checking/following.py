"""How an arm followed a small motion that was commanded."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.robot.checking.finding import Finding

Array = NDArray[np.float64]

LONGEST_LAG_S, LAG_STEP_S = 1.0, 0.005
# Of what was asked for: less than this was no following, more than this beside it another way.
LEAST, SIDEWAYS = 0.5, 0.5


@dataclass(frozen=True, kw_only=True)
class Followed:
    """`asked` and `moved` along the commanded way, `beside` across it, in its unit; `lag_s` is how
    far behind its commands the arm was, as their topics tell; `axis` is the one that was to move
    most."""

    asked: float
    moved: float
    beside: float
    lag_s: float
    axis: int

    def problem(self) -> Finding | None:
        """What is wrong with how it followed; None: nothing."""
        part = self.moved / self.asked
        if part <= -LEAST:
            return Finding("output.topic", "the arm moved the other way than it was commanded")
        if part < LEAST:
            return Finding(
                "output.topic",
                f"the arm did not follow, it moved {100 * part:.0f} % of the way: see whether its "
                "controller is active and takes these messages",
            )
        if self.beside > SIDEWAYS * self.asked:
            return Finding(
                "base_frame",
                "the arm moved in another direction than commanded: the frame of the commands or "
                "the order of the joints is another one",
            )
        return None


def followed(commanded: tuple[Array, Array], measured: tuple[Array, Array]) -> Followed:
    """By times (T,) in s and values (T, D) of both.

    The commanded way is the line from its first value to the farthest one. The lag is the shift
    of the commands by which, scaled to fit, they are nearest to what was measured.
    """
    times_s, values = commanded
    away = values - values[0]
    farthest = away[int(np.argmax(np.linalg.norm(away, axis=1)))]
    asked = float(np.linalg.norm(farthest))
    way = farthest / asked
    led = away @ way
    seen_s, seen = measured
    moved = seen - seen[0]
    along = moved @ way
    beside = np.linalg.norm(moved - along[:, None] * way, axis=1)
    best, lag_s = np.inf, 0.0
    for shift_s in np.arange(0.0, LONGEST_LAG_S, LAG_STEP_S):
        told = np.interp(seen_s - shift_s, times_s, led)
        power = float(told @ told)
        scale = float(told @ along) / power if power else 0.0
        error = float(np.sum((along - scale * told) ** 2))
        if error < best:
            best, lag_s = error, float(shift_s)
    return Followed(
        asked=asked,
        moved=float(along[int(np.argmax(np.abs(along)))]),
        beside=float(beside.max()),
        lag_s=lag_s,
        axis=int(np.argmax(np.abs(way))),
    )
