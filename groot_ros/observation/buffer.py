"""Streams of a robot over a short time, and the observation that they make.

The live node and the converter of recorded data both use this, so that they cannot differ.
"""

from __future__ import annotations

import bisect
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from groot_ros.cameras.kind import Decode
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.signals import Signals, SignalSpec

Array = NDArray[np.float64]
T = TypeVar("T")

STATE_HISTORY_NS = 2_000_000_000
# Of pictures only where a model reads the past: how far cameras may lie apart.
PICTURE_HISTORY_NS = 500_000_000
CLOCK_JUMP_NS = 2_000_000_000


class NotReady(Exception):
    """No observation can be made now; the message names the stream and why.

    `cause` says it without numbers, so that equal causes can be counted.
    """

    def __init__(self, message: str, cause: str = "") -> None:
        super().__init__(message)
        self.cause = cause or message


@dataclass(frozen=True)
class Ages:
    """Age in s of each stream's newest sample when an observation was made."""

    by_stream: dict[str, float]
    observation_s: float


def _between(spec: SignalSpec, samples: tuple[Array, Array, float]) -> Array:
    """The value between two samples; UserError names the signal of those that are none."""
    try:
        return spec.kind.interpolate(*samples)
    except UserError as error:
        raise UserError(f"{spec.name}: {error}") from None


@dataclass(frozen=True)
class Snapshot:
    """What an observation is made of, nothing of it computed before it is wanted.

    `around` has the samples of each signal before and after `stamp_ns`, and the fraction between.
    """

    stamp_ns: int
    specs: tuple[SignalSpec, ...]
    around: tuple[tuple[Array, Array, float], ...]
    pictures: dict[str, Decode]
    ages: Ages
    past: Mapping[int, Snapshot] = field(default_factory=dict)
    """Earlier moments by the steps of the buffer's `past_ns`."""

    @cached_property
    def signals(self) -> Signals:
        """The signals at `stamp_ns`, each interpolated as its kind is."""
        pairs = zip(self.specs, self.around, strict=True)
        values = tuple(_between(spec, samples) for spec, samples in pairs)
        return Signals(self.specs, values)

    def observation(self, instruction: str) -> Observation:
        """The observation; UserError when a picture does not decode."""
        return Observation(
            stamp_ns=self.stamp_ns,
            images={name: _decoded(name, decode) for name, decode in self.pictures.items()},
            instruction=instruction,
            signals=self.signals,
            past={step: past.observation(instruction) for step, past in self.past.items()},
        )


def _decoded(camera: str, decode: Decode) -> NDArray[np.uint8]:
    try:
        return decode()
    except UserError as error:
        raise UserError(f"camera {camera}: {error}") from error


@dataclass
class _History(Generic[T]):
    """Samples in the order of their stamps, those within `span_ns` of the newest."""

    name: str
    max_age_s: float
    span_ns: int
    stamps: deque[int] = field(default_factory=deque)
    values: deque[T] = field(default_factory=deque)
    problem: str = ""
    """Why the newest message could not be used."""

    def add(self, stamp_ns: int, value: T) -> None:
        self.problem = ""
        if self.stamps and stamp_ns <= self.stamps[-1]:
            # A clock that was set back starts a new history; a repeated stamp is the same sample.
            if self.stamps[-1] - stamp_ns > CLOCK_JUMP_NS:
                self.stamps.clear()
                self.values.clear()
            else:
                return
        self.stamps.append(stamp_ns)
        self.values.append(value)
        while stamp_ns - self.stamps[0] > self.span_ns:
            self.stamps.popleft()
            self.values.popleft()

    def newest(self, now_ns: int, latency_ns: int = 0) -> tuple[int, T]:
        """Time and value of the newest sample; NotReady when there is none or it is too old."""
        if not self.stamps:
            raise NotReady(f"{self.name}: {self.problem or 'nothing received yet'}")
        age_s = (now_ns - (self.stamps[-1] - latency_ns)) / 1e9
        if -age_s > self.max_age_s:
            # Its silence would be noticed by that much too late.
            raise NotReady(
                f"{self.name}: stamped {-age_s:.2f} s in the future: check that the clocks agree",
                cause=f"{self.name}: stamped in the future",
            )
        if age_s > self.max_age_s:
            raise NotReady(
                f"{self.name}: {age_s:.2f} s old, at most {self.max_age_s:g} s allowed (max_age)"
                + (f"; {self.problem}" if self.problem else ""),
                cause=f"{self.name}: {self.problem or 'older than max_age'}",
            )
        return self.stamps[-1] - latency_ns, self.values[-1]

    def before(self, time_ns: int) -> T:
        """The newest sample that is not after a time; the oldest where all are."""
        return self.values[max(bisect.bisect_right(self.stamps, time_ns) - 1, 0)]

    def around(self, time_ns: int) -> tuple[T, T, float]:
        """The samples around a time and the fraction between them; the ends hold their value."""
        index = bisect.bisect_left(self.stamps, time_ns)
        if index == 0:
            if self.stamps[0] - time_ns > self.max_age_s * 1e9:
                raise NotReady(f"{self.name}: starts after the pictures were taken")
            return self.values[0], self.values[0], 0.0
        if index == len(self.stamps):
            return self.values[-1], self.values[-1], 0.0
        start, end = self.stamps[index - 1], self.stamps[index]
        return self.values[index - 1], self.values[index], (time_ns - start) / (end - start)


class ObservationBuffer:
    """Newest samples of a robot's streams; safe to use from several threads.

    `fields` are the signals that an observation must have, by their names in the robot file;
    `cameras` the pictures. Everything that is added is stored as it is: pictures as a function
    that decodes them, called only when an observation wants them. Of the moments `past_ns` before
    it, by steps, an observation holds what was newest then, or the oldest that there is.
    """

    def __init__(
        self,
        robot: RobotConfig,
        fields: Iterable[str],
        cameras: Iterable[str],
        past_ns: Mapping[int, int] | None = None,
    ) -> None:
        streams = robot.observations
        self.robot = robot
        self._past_ns = dict(past_ns or {})
        past = max(self._past_ns.values(), default=0)
        self._lock = threading.Lock()
        self._state: dict[str, _History[Array]] = {
            name: _History(name, streams.signals[name].max_age_s, STATE_HISTORY_NS + past)
            for name in fields
        }
        self._specs = tuple(streams.spec(name) for name in self._state)
        self._cameras: dict[str, _History[Decode]] = {
            name: _History(
                f"camera {name}",
                streams.cameras[name].max_age_s,
                span_ns=past + PICTURE_HISTORY_NS if past else 0,
            )
            for name in cameras
        }
        self._histories: list[_History[Any]] = [*self._state.values(), *self._cameras.values()]
        self._latency_ns = {
            name: int(streams.cameras[name].latency_s * 1e9) for name in self._cameras
        }

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(self._state)

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(self._cameras)

    def add(self, name: str, stamp_ns: int, value: Array) -> None:
        """Store a value (N,) of a signal with its time in ns; a signal that no observation needs
        is ignored."""
        if name in self._state:
            with self._lock:
                self._state[name].add(stamp_ns, value)

    def add_image(self, camera: str, stamp_ns: int, decode: Decode) -> None:
        """A picture that `decode` turns into (H, W, 3) uint8 RGB."""
        if camera in self._cameras:
            with self._lock:
                self._cameras[camera].add(stamp_ns, decode)

    def report(self, stream: str, problem: str) -> None:
        """A message of a stream could not be used; the reason is told once the stream is stale."""
        if history := self._state.get(stream) or self._cameras.get(stream):
            with self._lock:
                history.problem = problem

    def clear(self) -> None:
        """Forget everything, for example after a jump of the clock."""
        with self._lock:
            for history in self._histories:
                history.stamps.clear()
                history.values.clear()

    def newest_state(self, stream: str, now_ns: int) -> Array:
        """Newest value (N,) of a state stream; NotReady where there is none or it is too old."""
        with self._lock:
            return self._state[stream].newest(now_ns)[1]

    def observation_stamp_ns(self, now_ns: int) -> int:
        """Time of the observation that could be made now; NotReady says why none can."""
        with self._lock:
            return self._stamp_ns(now_ns)

    def _stamp_ns(self, now_ns: int) -> int:
        for history in self._state.values():
            history.newest(now_ns)
        if not self._cameras:
            raise NotReady("no cameras are configured")
        return min(
            history.newest(now_ns, self._latency_ns[name])[0]
            for name, history in self._cameras.items()
        )

    def snapshot(self, now_ns: int) -> Snapshot:
        """The streams at the time of the oldest of the cameras' newest pictures.

        NotReady says which stream is missing or older than its max_age.
        """
        with self._lock:
            stamp_ns = self._stamp_ns(now_ns)
            pictures = {name: history.values[-1] for name, history in self._cameras.items()}
            around = tuple(history.around(stamp_ns) for history in self._state.values())
            ages = Ages(
                by_stream={
                    history.name: (now_ns - history.stamps[-1]) / 1e9
                    for history in self._histories
                },
                observation_s=(now_ns - stamp_ns) / 1e9,
            )
            past = {
                step: self._earlier(stamp_ns - ago_ns, ages)
                for step, ago_ns in self._past_ns.items()
            }
        return Snapshot(
            stamp_ns=stamp_ns,
            specs=self._specs,
            around=around,
            pictures=pictures,
            ages=ages,
            past=past,
        )

    def _earlier(self, time_ns: int, ages: Ages) -> Snapshot:
        """What was newest at a time, with the lock held; before there was anything the oldest."""
        pictures = {
            name: history.before(time_ns + self._latency_ns[name])
            for name, history in self._cameras.items()
        }
        around = tuple(h.around(max(time_ns, h.stamps[0])) for h in self._state.values())
        return Snapshot(
            stamp_ns=time_ns, specs=self._specs, around=around, pictures=pictures, ages=ages
        )

    def observe(self, now_ns: int, instruction: str) -> tuple[Observation, Ages]:
        """The observation of `snapshot`, its pictures decoded."""
        snapshot = self.snapshot(now_ns)
        return snapshot.observation(instruction), snapshot.ages

    def observe_newer(
        self, now_ns: int, instruction: str, after_ns: int
    ) -> tuple[Observation, Ages] | None:
        """The same, None where it would not be newer than `after_ns`."""
        if self.observation_stamp_ns(now_ns) <= after_ns:
            return None
        return self.observe(now_ns, instruction)
