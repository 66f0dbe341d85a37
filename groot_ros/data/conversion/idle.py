"""Beginning and end of the movement in an episode."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from groot_ros.data.playback.signals import Signal

# Kept before and behind the movement.
MARGIN_NS = 300_000_000


def moving_range(signals: Mapping[str, Signal]) -> tuple[int, int] | None:
    """First and last time in ns of movement, a margin around it; None when nothing moves.

    Until the first one every signal stays near its first value, and from the last one on near
    its last value.
    """
    begins, ends = [], []
    for signal in signals.values():
        from_first, from_last = (
            signal.kind.moved(signal.values, signal.values[index]) for index in (0, -1)
        )
        if np.any(from_first):
            begins.append(signal.times_ns[np.argmax(from_first)])
            ends.append(signal.times_ns[len(signal) - 1 - np.argmax(from_last[::-1])])
    if not begins:
        return None
    return int(min(begins)) - MARGIN_NS, int(max(ends)) + MARGIN_NS
