"""When a task is done: somebody says so, or the arm has come to stand still."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from groot_ros.signals.signals import SignalSpec

Array = NDArray[np.float64]

# An arm that strays by less (m, rad) stands still; one that never moved by so much has not begun.
STILL, BEGUN = 4e-3, 3e-2


class Stillness:
    """Detects that an arm that has moved has been still for `still_s`.

    Not thread-safe: its owner calls it and passes the time.
    """

    def __init__(self, still_s: float) -> None:
        self._still_ns = round(still_s * 1e9)
        self.restart()

    def restart(self) -> None:
        """Restart: the arm has to move first."""
        self._first: dict[str, Array] = {}
        self._held: dict[str, Array] = {}
        self._since_ns, self._has_begun = 0, False

    def interrupt(self) -> None:
        """Restart the measured duration of stillness."""
        self._held = {}

    def seen(self, values: Mapping[SignalSpec, Array], now_ns: int) -> bool:
        """Take values (V,) of the moving signals at `now_ns`; whether the arm has been still for
        long enough."""
        now = {spec.name: value for spec, value in values.items()}
        self._first = self._first or now
        self._has_begun |= _strayed(values, self._first) > BEGUN
        if not self._held or _strayed(values, self._held) > STILL:
            self._held, self._since_ns = now, now_ns
        return self._has_begun and now_ns - self._since_ns >= self._still_ns


def _strayed(values: Mapping[SignalSpec, Array], since: Mapping[str, Array]) -> float:
    """How far (m, rad) the farthest part is from where it was."""
    ways = (
        spec.kind.space.lengths(spec.kind.space.difference(value, since[spec.name]))
        for spec, value in values.items()
    )
    return max(float(way.max()) for way in ways)
