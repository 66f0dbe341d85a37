"""Where the clock of a stream, or that of the bag, jumps within an episode.

The delay of a message is its arrival minus its stamp. A clock that jumps changes the delay of all
messages from then on, but so does a network that stalls, or a driver whose queue is emptied. What
tells them apart:

* stamps go back: nothing else makes them;
* stamps jump ahead between two messages that arrive as usual, and messages are from then on sooner
  than they ever were before: no queue is emptied below nothing;
* the bag's clock jumps ahead: arrivals do, with all streams at once, and no message makes up for
  it within two seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.bags.storage import BagError
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.losses import Loss
from groot_ros.data.playback.replay import PREROLL_NS
from groot_ros.data.playback.stream_health import REST_MARGIN_S, REST_S, StreamHealth
from groot_ros.observation.fields import NS

# One step and a half at 15 Hz.
STEP_S = 0.1
# Medians over so many messages around a step are no accident.
AROUND_STEP, LEAST_AROUND = 8, 4
# A stalled network has caught up by then.
STALL_NS = 2 * NS
# Breaks of several streams so near to one another are one.
SAME_NS = NS // 2
# A jump is most of a step, whatever the jitter.
MOST = 0.8
# So many times the usual time between two arrivals is no pause.
AS_USUAL = 3


@dataclass(frozen=True, kw_only=True)
class Break:
    """What lies before `begin_ns` and behind `end_ns` (arrivals) is of different time: from then
    on the delays of `topics` are longer by `step_s`, because of their stamps or of the bag."""

    begin_ns: int
    end_ns: int
    step_s: float
    topics: frozenset[str]
    is_of_bag: bool = False

    def sentence(self, start_ns: int) -> str:
        """What happened, in words, by the time since the beginning of the bag."""
        at_s = (self.begin_ns - start_ns) / NS
        is_back = (self.step_s > 0) != self.is_of_bag
        step = f"{'back' if is_back else 'ahead'} by {abs(self.step_s):.1f} s at {at_s:.1f} s"
        if self.is_of_bag:
            return f"the bag's clock steps {step}, while the stamps do not"
        topics = ", ".join(sorted(self.topics))
        return f"the stamps of {topics} step {step}, while the bag's clock does not"


@dataclass(frozen=True, kw_only=True)
class Rest:
    """A time by arrivals, in ns, in which no clock jumps."""

    start_ns: int
    stop_ns: int


class ClockBreaks(BagError):
    """Clocks jump within an episode; `rests` are the times between that can be used."""

    def __init__(self, breaks: Sequence[Break], rests: Sequence[Rest], bag_start_ns: int) -> None:
        self._rests = rests
        self._reason = "; ".join(found.sentence(bag_start_ns) for found in breaks)
        super().__init__(f"{self._reason}: no time between is long enough, record it again")

    def parts(self, episode: Episode, fps: int) -> Iterator[tuple[Rest, tuple[Loss, ...]]]:
        """The rests and what is lost behind each, before the first of them too."""
        if not self._rests:
            return
        begins = [rest.start_ns for rest in self._rests[1:]]
        for rest, next_ns in zip(self._rests, [*begins, episode.stop_ns], strict=True):
            gaps = [(rest.stop_ns, next_ns)]
            if rest is self._rests[0]:
                gaps.insert(0, (episode.start_ns, rest.start_ns))
            lost = [
                Loss(self._reason, round((high_ns - low_ns) * fps / NS), low_ns, high_ns)
                for low_ns, high_ns in gaps
            ]
            yield rest, tuple(loss for loss in lost if loss.steps > 0)


Streams = Mapping[str, tuple[NDArray[np.int64], NDArray[np.float64]]]
"""By topic arrivals in ns and delays in s."""


def find_breaks(
    health: Mapping[str, StreamHealth], twice: Sequence[tuple[int, int]]
) -> list[Break]:
    """Breaks in the order of time; `twice` are times that the bag holds twice, from and to."""
    streams = {topic: stream.delays() for topic, stream in health.items()}
    streams = {topic: found for topic, found in streams.items() if len(found[0])}
    steps = sorted(
        (at_ns, step_s, topic)
        for topic, (arrivals, delays_s) in streams.items()
        for at_ns, step_s in _stamp_steps(arrivals, delays_s, twice)
    )
    breaks = [*_merged(steps, streams), *_bag_steps(streams, twice), *_bag_jumps(streams, twice)]
    return sorted(breaks, key=lambda found: found.begin_ns)


def _stamp_steps(
    arrivals: NDArray[np.int64],
    delays_s: NDArray[np.float64],
    twice: Sequence[tuple[int, int]],
) -> Iterator[tuple[int, float]]:
    """Arrival in ns and size in s of steps of one stream's stamps that last; a late message among
    others is none."""
    arrived_s, begin = np.diff(arrivals) / NS, 0
    stamped_s = arrived_s - np.diff(delays_s)
    usual_s = float(np.median(arrived_s)) if len(arrived_s) else 0.0
    for index in np.flatnonzero((stamped_s < 0) | (stamped_s > arrived_s + MOST * STEP_S)) + 1:
        at_ns = int(arrivals[index])
        if any(low_ns <= at_ns <= high_ns for low_ns, high_ns in twice):
            continue
        before, after = delays_s[begin:index], delays_s[index : index + AROUND_STEP]
        if min(len(before), len(after)) < LEAST_AROUND:
            continue
        after_s = float(np.median(after))
        step_s = after_s - float(np.median(before[-AROUND_STEP:]))
        if stamped_s[index - 1] < 0:
            is_step = step_s > STEP_S
        else:
            as_usual = arrived_s[index - 1] < AS_USUAL * usual_s
            is_step = as_usual and step_s < -STEP_S
            is_step = is_step and after_s < float(before.min()) - MOST * STEP_S
        if is_step:
            begin = int(index)
            yield at_ns, step_s


def _bag_steps(
    streams: Streams,
    twice: Sequence[tuple[int, int]],
) -> Iterator[Break]:
    """Where the bag's clock was set back, and that of the stamps was not."""
    for low_ns, high_ns in twice:
        steps = {t: _step_s(*found, low_ns - 1, high_ns + 1) for t, found in streams.items()}
        moved = {t: step_s for t, step_s in steps.items() if step_s and abs(step_s) > STEP_S}
        if moved:
            step_s = float(np.median(list(moved.values())))
            topics = frozenset(moved)
            yield Break(
                begin_ns=low_ns, end_ns=high_ns, step_s=step_s, topics=topics, is_of_bag=True
            )


def _bag_jumps(
    streams: Streams,
    twice: Sequence[tuple[int, int]],
) -> Iterator[Break]:
    """Where the arrivals of all streams jump ahead and their stamps do not."""
    jumps: list[list[tuple[int, float]]] = []
    for arrivals, delays_s in streams.values():
        found = []
        for index in np.flatnonzero(np.diff(delays_s) > STEP_S) + 1:
            at_ns, before_s = int(arrivals[index]), float(delays_s[index - 1])
            after = delays_s[index : np.searchsorted(arrivals, at_ns + STALL_NS)]
            is_stamped = (arrivals[index] - arrivals[index - 1]) / NS > delays_s[index] - before_s
            step_s = float(after.min()) - before_s
            if is_stamped and step_s > MOST * STEP_S:
                found.append((at_ns, step_s))
        jumps.append(found)
    for at_ns, step_s in jumps[0] if jumps else []:
        near = [
            [other_ns for other_ns, _ in found if abs(other_ns - at_ns) < SAME_NS]
            for found in jumps
        ]
        is_twice = any(low_ns <= at_ns <= high_ns for low_ns, high_ns in twice)
        if all(near) and not is_twice and step_s > STEP_S:
            first_ns = min(other_ns for others in near for other_ns in others)
            topics = frozenset(streams)
            yield Break(
                begin_ns=first_ns, end_ns=at_ns, step_s=step_s, topics=topics, is_of_bag=True
            )


def _merged(steps: Sequence[tuple[int, float, str]], streams: Streams) -> Iterator[Break]:
    """Steps (arrival, size, topic) that are near to one another as one break."""
    groups: list[list[tuple[int, float, str]]] = []
    for step in steps:
        if not groups or step[0] - groups[-1][-1][0] > SAME_NS:
            groups.append([])
        groups[-1].append(step)
    for group in groups:
        begin_ns, end_ns = group[0][0], group[-1][0]
        topics = frozenset(topic for *_, topic in group)
        nets = [_step_s(*streams[topic], begin_ns - 1, end_ns) for topic in topics]
        net_s = float(np.median([net_s for net_s in nets if net_s is not None] or [0.0]))
        step_s = net_s if abs(net_s) > STEP_S else group[0][1]
        yield Break(begin_ns=begin_ns, end_ns=end_ns, step_s=step_s, topics=topics)


def _step_s(
    arrivals: NDArray[np.int64], delays_s: NDArray[np.float64], begin_ns: int, end_ns: int
) -> float | None:
    """How much longer delays are from `end_ns` on than they are until `begin_ns`; None where there
    are none."""
    before = delays_s[arrivals <= begin_ns][-AROUND_STEP:]
    after = delays_s[arrivals >= end_ns][:AROUND_STEP]
    return float(np.median(after) - np.median(before)) if len(before) and len(after) else None


def rests(
    breaks: Sequence[Break], health: Mapping[str, StreamHealth], start_ns: int, stop_ns: int
) -> list[Rest]:
    """The times of an episode between breaks that are long enough to be used.

    Where some streams jump and others do not, only those times count in which they agree best:
    before or after the jump the stamps of those that jumped are wrong.
    """
    # What was received before a time fills the buffer: it must be of the new clock too.
    margin_ns = round(REST_MARGIN_S * NS)
    starts = [start_ns, *(found.end_ns + PREROLL_NS + margin_ns for found in breaks)]
    stops = [*(found.begin_ns - margin_ns for found in breaks), stop_ns]
    found = [
        Rest(start_ns=low_ns, stop_ns=high_ns)
        for low_ns, high_ns in zip(starts, stops, strict=True)
        if high_ns - low_ns > REST_S * NS
    ]
    jumped = frozenset[str]().union(*(one.topics for one in breaks))
    if not found or jumped >= health.keys():
        return found
    apart = [_apart_s(rest, health, jumped) for rest in found]
    least = min(apart)
    return [rest for rest, far in zip(found, apart, strict=True) if far - least < STEP_S / 2]


def _apart_s(rest: Rest, health: Mapping[str, StreamHealth], jumped: frozenset[str]) -> float:
    """How far the delays of streams that jumped are from those of the others in a time."""
    medians: dict[bool, list[float]] = {False: [], True: []}
    for topic, stream in health.items():
        arrivals, delays_s = stream.delays()
        within = delays_s[(arrivals >= rest.start_ns) & (arrivals < rest.stop_ns)]
        if len(within):
            medians[topic in jumped].append(float(np.median(within)))
    if not medians[True] or not medians[False]:
        return 0.0
    others_s = float(np.median(medians[False]))
    return max(abs(delay_s - others_s) for delay_s in medians[True])
