"""Frames of a dataset out of a replayed bag: when they are taken and why some are not.

Steps are one frame period apart. They follow the pictures' own rhythm, half a picture period
behind it, so that jitter never moves a picture across a step. A step takes the nearest earlier
set of pictures; its actions are those of the rhythm, at most half a picture period from the
pictures. Without a usable set of pictures the step is dropped and the episode is cut there: rows
of a dataset must be one frame period apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from groot_ros.data.bags.reader import Bag
from groot_ros.data.playback.first_stamps import first_stamps
from groot_ros.data.playback.losses import Drops
from groot_ros.errors import UserError
from groot_ros.observation.buffer import NotReady, ObservationBuffer, Snapshot
from groot_ros.observation.routes import Route
from groot_ros.robot.stream_time import HEADER

PROBED_PICTURES = 32


def picture_period_ns(bag: Bag, streams: dict[str, Route], start_ns: int) -> int:
    """Median time between pictures of the slowest camera, from its first ones; 0 for fewer."""
    periods = [0]
    types = {topic: route.type_name for topic, route in streams.items() if route.is_camera}
    for topic, first in first_stamps(
        bag, types, count=PROBED_PICTURES, start_ns=start_ns, stop_ns=bag.end_ns
    ).items():
        by_header = streams[topic].clock == HEADER
        stamps = [stamp_ns if by_header else arrival_ns for arrival_ns, stamp_ns in first]
        if len(stamps) > 1:
            periods.append(int(np.median(np.diff(np.sort(stamps)))))
    return max(periods)


@dataclass(frozen=True)
class Refusal:
    """A time in ns at which no observation could be made, and why."""

    time_ns: int
    cause: str


def observations(
    buffer: ObservationBuffer, replay: Iterator[tuple[Route, int]], start_ns: int
) -> Iterator[Snapshot | Refusal]:
    """What could be observed whenever every camera had sent a new picture since `start_ns`."""
    missing = set(buffer.cameras)
    newest_ns = start_ns - 1
    for route, arrival_ns in replay:
        if not route.is_camera:
            continue
        missing.difference_update(route.streams)
        if missing or arrival_ns < start_ns:
            if arrival_ns >= start_ns and (cause := _cause(buffer, arrival_ns)):
                yield Refusal(arrival_ns, cause)
            continue
        try:
            snapshot = buffer.snapshot(arrival_ns)
        except NotReady as reason:
            yield Refusal(arrival_ns, reason.cause)
            continue
        except UserError as error:
            yield Refusal(arrival_ns, str(error))
            continue
        if snapshot.stamp_ns > newest_ns:
            newest_ns = snapshot.stamp_ns
            missing = set(buffer.cameras)
            yield snapshot


def _cause(buffer: ObservationBuffer, now_ns: int) -> str:
    try:
        buffer.observation_stamp_ns(now_ns)
    except NotReady as reason:
        return reason.cause
    return ""


@dataclass(frozen=True)
class Frame:
    """A step and what is observed at it; `time_ns` is when its actions are due."""

    index: int
    time_ns: int
    snapshot: Snapshot
    is_duplicate: bool


@dataclass(frozen=True)
class StepClock:
    """Steps of `step_ns`, `offset_ns` behind the pictures; `max_age_ns` is the cameras' limit."""

    step_ns: int
    offset_ns: int
    max_age_ns: int


NO_PICTURES = "no pictures"


def take_frames(
    observed: Iterator[Snapshot | Refusal],
    clock: StepClock,
    start_ns: int,
    drops: Drops,
    stop_ns: int = 0,
) -> Iterator[Frame]:
    """The frame of each step that has one; the others are counted in `drops`, up to `stop_ns`."""
    steps = _Steps(clock, start_ns, drops)
    for item in observed:
        yield from steps.until(item)
    yield from steps.last()
    steps.count_rest(stop_ns)


class _Steps:
    def __init__(self, clock: StepClock, start_ns: int, drops: Drops) -> None:
        self._clock = clock
        self._start_ns = start_ns
        self._drops = drops
        self._first_ns: int | None = None
        self._next = 0
        self._newest: Snapshot | None = None
        self._used: Snapshot | None = None
        self._refusal: Refusal | None = None
        self._early: Counter[str] = Counter()

    def _due_ns(self, index: int) -> int:
        assert self._first_ns is not None
        return self._first_ns + index * self._clock.step_ns

    def until(self, item: Snapshot | Refusal) -> Iterator[Frame]:
        """The steps before an observation, which take the one before it."""
        if isinstance(item, Refusal):
            self._refusal = self._refusal or item
            if self._first_ns is None:
                self._early[item.cause] += 1
            return
        if self._first_ns is None:
            self._begin(item.stamp_ns)
        while self._due_ns(self._next) + self._clock.offset_ns < item.stamp_ns:
            yield from self._step()
        self._newest, self._refusal = item, None

    def _begin(self, stamp_ns: int) -> None:
        self._first_ns = stamp_ns
        self._drop_early(stamp_ns)

    def _drop_early(self, stop_ns: int) -> None:
        missed = (stop_ns - self._start_ns) // self._clock.step_ns
        reason = self._early.most_common(1)[0][0] if self._early else NO_PICTURES
        self._drops.add(reason, self._start_ns, int(missed), stop_ns)

    def _step(self) -> Iterator[Frame]:
        due_ns = self._due_ns(self._next)
        index, self._next = self._next, self._next + 1
        newest, refusal = self._newest, self._refusal
        if refusal and refusal.time_ns <= due_ns + self._clock.offset_ns:
            self._drops.add(refusal.cause, due_ns)
            return
        if newest is None or due_ns - newest.stamp_ns > self._clock.max_age_ns:
            self._drops.add(refusal.cause if refusal else NO_PICTURES, due_ns)
            return
        duplicate = newest is self._used
        self._used = newest
        yield Frame(index, due_ns, newest, duplicate)

    def last(self) -> Iterator[Frame]:
        """The step of the last observation, if it is due before another picture would come."""
        if self._first_ns is not None and self._newest and self._newest is not self._used:
            wait_ns = self._due_ns(self._next) - self._newest.stamp_ns
            if wait_ns <= self._clock.offset_ns:
                yield from self._step()

    def count_rest(self, stop_ns: int) -> None:
        """Steps at the end that have no frame because a stream died before the episode ended."""
        if self._first_ns is None:
            self._drop_early(stop_ns)
            return
        newest_ns = self._newest.stamp_ns if self._newest else self._first_ns
        if stop_ns - newest_ns <= self._clock.max_age_ns:
            return
        reason = self._refusal.cause if self._refusal else NO_PICTURES
        step_ns, first_ns = self._clock.step_ns, self._due_ns(self._next)
        # The last picture of an episode needs time to arrive before its end.
        steps = (stop_ns - 2 * self._clock.offset_ns - first_ns) // step_ns + 1
        self._drops.add(reason, first_ns, int(steps), first_ns + (int(steps) - 1) * step_ns)
