"""How well a stream was recorded: its rate, gaps and stamps."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.bags.storage import BagError, joined
from groot_ros.observation.fields import NS

DENSITY_BINS = 40
# A stream is dense over so many messages, and a time is recorded twice where all streams are for
# so long.
DENSE_RUN = 4
DENSE_S = 0.3
DENSE_PICTURES = 20
# What is before and behind such a time can be used but for this margin, if it is long enough.
REST_MARGIN_S = 0.3
REST_S = 1.5


@dataclass(frozen=True)
class StreamReport:
    """Rates in Hz and times in s of a topic's messages; None where there are too few."""

    messages: int
    rate_hz: float | None
    longest_gap_s: float | None
    unstamped: int
    backwards: int
    latency_s: float | None
    """Median time from stamp to arrival."""
    gap_at_s: float | None
    """When the longest gap began, since the beginning of the episode."""
    density: list[int]
    """Messages in each of equal parts of the episode."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def _density(times: np.ndarray, start_ns: int, stop_ns: int) -> list[int]:
    seconds = (times - start_ns) / NS
    counts, _ = np.histogram(seconds, DENSITY_BINS, (0.0, max(stop_ns - start_ns, 1) / NS))
    return [int(count) for count in counts]


def check_once(streams: Iterable[StreamHealth], start_ns: int, stop_ns: int) -> None:
    """BagError where a time is recorded twice: the clock was set back, and stamps of before and
    after lie between one another, so that every stream is twice as dense there.

    `start_ns` and `stop_ns` are those of the bag.
    """
    twice: list[tuple[float, float]] | None = None
    for stream in streams:
        stamps = np.sort(np.array(stream.stamps, dtype=np.int64))
        stamps = stamps[stamps > 0]
        if len(stamps) < DENSE_PICTURES:
            continue
        mine = _dense((stamps - start_ns) / NS)
        twice = mine if twice is None else _common(twice, mine)
    if found := [(low, high) for low, high in twice or [] if high - low > DENSE_S]:
        low, high = found[0]
        end_s = (stop_ns - start_ns) / NS
        rests = [(0.0, low - REST_MARGIN_S), (found[-1][1] + REST_MARGIN_S, end_s)]
        raise BagError(
            f"the time from {max(low, 0.0):.1f} to {high:.1f} s is recorded twice, as if the "
            f"clock was set back by {high - low:.1f} s: {without(rests)}"
        )


def without(rests: Iterable[tuple[float, float]]) -> str:
    """The remedy for a bag of which only some times, in s since its beginning, can be used."""
    ranges = [f"--range {low:.1f}:{high:.1f}" for low, high in rests if high - low > REST_S]
    return f"convert the rest with {' '.join(ranges)}" if ranges else "record it again"


def _dense(times: np.ndarray) -> list[tuple[float, float]]:
    """Intervals in s in which messages come at more than one and a half of the usual rate."""
    spans = times[DENSE_RUN:] - times[:-DENSE_RUN]
    usual = float(np.median(np.diff(times))) * DENSE_RUN
    return joined(
        (float(times[index]), float(times[index + DENSE_RUN]))
        for index in np.flatnonzero(spans < usual / 1.5)
    )


def _common(
    one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    pairs = ((max(a, c), min(b, d)) for a, b in one for c, d in other if a < d and c < b)
    return sorted(pairs)


@dataclass
class StreamHealth:
    """Follows one topic; times in ns, stamp None for types without one."""

    topic: str
    arrivals: array[int] = field(default_factory=lambda: array("q"))
    stamps: array[int] = field(default_factory=lambda: array("q"))
    unreadable: int = 0
    """Messages whose bytes are damaged."""
    undecoded: Counter[str] = field(default_factory=Counter)
    """Packets of video that are left out, by reason."""

    def add(self, arrival_ns: int, stamp_ns: int | None) -> None:
        self.arrivals.append(arrival_ns)
        if stamp_ns is not None:
            self.stamps.append(stamp_ns)

    @property
    def times(self) -> np.ndarray:
        """Stamps where there are any, else arrivals (N,) in ns."""
        stamps = np.array(self.stamps, dtype=np.int64)
        return stamps[stamps > 0] if np.any(stamps > 0) else np.array(self.arrivals, np.int64)

    def report(self, start_ns: int, stop_ns: int) -> StreamReport:
        """Health from the beginning to the end of an episode."""
        times = np.sort(self.times)
        gaps = np.diff(times)
        worst = int(np.argmax(gaps)) if len(gaps) else 0
        stamps = np.array(self.stamps, dtype=np.int64)
        span_s = (times[-1] - times[0]) / NS if len(times) > 1 else 0.0
        return StreamReport(
            messages=len(self.arrivals),
            rate_hz=round(len(gaps) / span_s, 3) if span_s > 0 else None,
            longest_gap_s=round(float(gaps[worst]) / NS, 4) if len(gaps) else None,
            unstamped=int(np.sum(stamps == 0)),
            backwards=int(np.sum(np.diff(stamps[stamps > 0]) < 0)),
            latency_s=None if (offset := self.offset_s()) is None else round(offset, 4),
            gap_at_s=round(float(times[worst] - start_ns) / NS, 3) if len(gaps) else None,
            density=_density(times, start_ns, stop_ns),
        )

    def delays(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Arrivals in ns and delays in s of the messages that have a stamp."""
        arrivals = np.array(self.arrivals, dtype=np.int64)
        stamps = np.array(self.stamps, dtype=np.int64)
        if len(stamps) < len(arrivals):
            return arrivals[:0], np.empty(0)
        arrivals, stamps = arrivals[stamps > 0], stamps[stamps > 0]
        return arrivals, (arrivals - stamps) / NS

    def offset_s(self) -> float | None:
        """Median time from stamp to arrival; None without stamps."""
        _, delays_s = self.delays()
        return float(np.median(delays_s)) if len(delays_s) else None
