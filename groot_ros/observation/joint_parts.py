"""Joints that a topic tells in several messages, some joints in each, put together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from groot_ros.observation.buffer import CLOCK_JUMP_NS

# Of joints that wait for others: what a controller of 1 kHz sends within max_age.
KEPT = 1024

_Samples = deque[tuple[int, float]]


@dataclass(frozen=True)
class JointNumbers:
    """Numbers of joints in one field of a JointState: position, velocity or effort."""

    joints: tuple[str, ...]
    field: str


class JointParts:
    """Makes messages of some joints each into whole ones; a route's own, used by its thread.

    A joint counts between its samples, which are at most `max_gap_s` apart, and not beyond the
    newest: one that is told no more makes the whole old.
    """

    def __init__(self, numbers: JointNumbers, max_gap_s: float) -> None:
        self._numbers = numbers
        self._wanted = frozenset(numbers.joints)
        self._max_gap_ns = max_gap_s * 1e9
        self._told: dict[str, _Samples] = {}
        self._given_ns = 0

    def take(self, message: Any, time_ns: int) -> Iterator[tuple[int, Any]]:
        """Times in ns and messages of all joints that a JointState completes.

        The message itself where it is whole, and where it says nothing of the joints or is one
        of some joints that completes nothing, which then cannot be read.
        """
        joints = self._numbers.joints
        if not self._told and self._wanted.issubset(message.name):
            yield time_ns, message
            return
        by_name = dict(zip(message.name, getattr(message, self._numbers.field), strict=False))
        told = [joint for joint in joints if joint in by_name]
        is_sound = len(by_name) == len(message.name)
        if not told or not is_sound:
            yield time_ns, message
            return
        for joint in told:
            self._add(joint, time_ns, float(by_name[joint]))
        completed = list(self._completed())
        if completed or len(told) == len(joints):
            yield from completed
        else:
            yield time_ns, message

    def _add(self, joint: str, time_ns: int, number: float) -> None:
        samples = self._told.setdefault(joint, deque(maxlen=KEPT))
        if samples and samples[-1][0] - time_ns > CLOCK_JUMP_NS:
            self._told = {joint: (samples := deque(maxlen=KEPT))}
            self._given_ns = 0
        if not samples or time_ns > samples[-1][0]:
            samples.append((time_ns, number))

    def _completed(self) -> Iterator[tuple[int, Any]]:
        """What is new since it was asked last, at every time at which a joint was told."""
        if len(self._told) < len(self._numbers.joints):
            return
        last_ns = min(samples[-1][0] for samples in self._told.values())
        if last_ns <= self._given_ns:
            return
        first_ns = max(samples[0][0] for samples in self._told.values())
        times = {time_ns for samples in self._told.values() for time_ns, _ in samples}
        for time_ns in sorted(times):
            if max(first_ns, self._given_ns + 1) <= time_ns <= last_ns:
                found = [self._at(self._told[joint], time_ns) for joint in self._numbers.joints]
                values = [value for value in found if value is not None]
                if len(values) == len(found):
                    yield time_ns, _Whole(self._numbers.joints, values, values, values)
        self._given_ns = last_ns
        for samples in self._told.values():
            while len(samples) > 1 and samples[1][0] <= last_ns:
                samples.popleft()

    def _at(self, samples: _Samples, time_ns: int) -> float | None:
        """The number at a time from the first sample to the last, interpolated; None in a gap."""
        for (begin_ns, begin), (end_ns, end) in pairwise(samples):
            if time_ns == begin_ns:
                return begin
            if time_ns < end_ns:
                if end_ns - begin_ns > self._max_gap_ns:
                    return None
                return begin + (end - begin) * (time_ns - begin_ns) / (end_ns - begin_ns)
        return samples[-1][1]


@dataclass(frozen=True)
class _Whole:
    """What is read of a JointState: the same numbers, in whichever field."""

    name: Sequence[str]
    position: Sequence[float]
    velocity: Sequence[float]
    effort: Sequence[float]
