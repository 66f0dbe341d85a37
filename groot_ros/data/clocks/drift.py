"""Clocks that run at another rate than those of the other streams.

Delays (arrival minus stamp) of a stream whose clock gains or loses change evenly. Of the least
delay in each of `PARTS` equal parts of an episode, so that what the network adds does not count, a
line is fitted; the stream drifts where that line leaves little over, and by how much its change
within the episode differs from the median of all streams'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.observation.fields import NS

PARTS = 10
LEAST_MESSAGES = 5 * PARTS
# One picture at 30 Hz.
LEAST_DRIFT_S = 0.03
# Of what changes, so much at most is no line.
UNEVEN = 0.2


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How much a stream's stamps lose against those of the others within an episode, in s."""

    topic: str
    change_s: float
    duration_s: float

    @property
    def sentence(self) -> str:
        way = "lose" if self.change_s > 0 else "gain"
        change_s = abs(self.change_s)
        share = 100 * change_s / self.duration_s
        return (
            f"the stamps of {self.topic} {way} {change_s:.2f} s against the other streams within "
            f"{self.duration_s:.0f} s ({share:.2g} %), as a clock does that runs at another rate"
        )


def find_drifts(health: Mapping[str, StreamHealth]) -> list[Drift]:
    """Streams that drift by more than one picture; none where there are fewer than three, of which
    nobody can tell which one drifts."""
    found = {topic: line for topic, stream in health.items() if (line := _line(stream))}
    if len(found) < 3:
        return []
    usual = float(np.median([change_s for change_s, _, _ in found.values()]))
    return [
        Drift(topic=topic, change_s=change_s - usual, duration_s=duration_s)
        for topic, (change_s, duration_s, left_s) in found.items()
        if abs(change_s - usual) > max(LEAST_DRIFT_S, left_s / UNEVEN)
    ]


def _line(stream: StreamHealth) -> tuple[float, float, float] | None:
    """Change of the delay and duration in s, and how far from a line its least values are; None
    for too few messages."""
    arrivals, delays_s = stream.delays()
    if len(arrivals) < LEAST_MESSAGES:
        return None
    times_s = (arrivals - arrivals[0]) / NS
    part = np.minimum((times_s / times_s[-1] * PARTS).astype(int), PARTS - 1)
    parts = [np.flatnonzero(part == index) for index in range(PARTS)]
    lowest = [some[np.argmin(delays_s[some])] for some in parts if len(some)]
    places, least_s = times_s[lowest], delays_s[lowest]
    slope, start_s = np.polyfit(places, least_s, 1)
    left_s = float(np.abs(least_s - start_s - slope * places).max())
    duration_s = float(times_s[-1])
    return float(slope) * duration_s, duration_s, left_s
