"""Motions that end at rest: a chunk joined to the running motion, a stop, and rest.

A join is x = old + w (new - old), w from 0 to 1 (`fade`): a point between the old and the new
motion, so that it is inside wherever both are in a convex range. Its velocity is (1 - w) old' + w
new' + w' (new - old). The new motion keeps to `CHUNK_SHARE` of the limits by the rate at which
chunk time passes, the last term to the fade's share, but their sum need not keep to the limits. So
`Planner.join` searches: it computes the commands, finds where and by how much they exceed the
limits (`excess`), and then

* within the fade: at first lets chunk time wait for the fade, where velocity is exceeded; else
  makes the fade longer and its share smaller, by the excess but at least 1.2 times, 1.6 times
  after a third of the attempts;
* after the fade, and from half of the attempts on in any case: lets chunk time pass slower, by the
  excess.

Each attempt lengthens the motion, so the search ends: with commands within the limits, after
`ATTEMPTS`, or where the fade or the motion would last longer than `LONGEST_FADE_S`. The result is
continuous in value and velocity where it is joined, ends at rest, and keeps to `KEPT` of the
limits (where nothing else is found, to `BARELY`).

A stop from the velocity v within T is the way v T (u - u^3 + u^4 / 2), u = t / T: its velocity v
(1 - 3 u^2 + 2 u^3) falls smoothly to zero, and its acceleration -6 u (1 - u) v / T vanishes at
both ends and peaks at 1.5 v / T (`PEAK_STOP`). With D the share of the deceleration limit, T = 1.5
|v| / D.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.fade import LONGEST_FADE_S, SHORTEST_BLEND_S, Fade, make_fade
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.braking import braking_way
from groot_ros.chunks.limits.constraint import Constraint
from groot_ros.chunks.limits.excess import Excess, excess, leaves_range
from groot_ros.chunks.limits.shaping import means
from groot_ros.chunks.limits.tool_orientation import ToolOrientation

Array = NDArray[np.float64]

ATTEMPTS = 14
# Of the limits: what is planned keeps to KEPT, so that the governor has nothing to do; of that a
# chunk takes at most CHUNK_SHARE, a stop STOP_SHARE, and the fade begins with FADE_SHARE.
KEPT, CHUNK_SHARE, STOP_SHARE, FADE_SHARE = 0.97, 0.95, 0.92, 0.7
# Where nothing helps a motion is taken that keeps to this.
BARELY = 0.995
# Peak of the deceleration of a stop, relative to a constant one.
PEAK_STOP = 1.5
# A curve may leave its range by so little (m or rad) before it is made monotone.
OUTSIDE = 1e-9
SAMPLES_PER_STEP = 8
# A motion that runs out during a short fade goes on meanwhile, instead of braking.
LONGEST_COAST_S = 0.4
# What would take longer than this is not planned.
LONGEST_MOTION_S = LONGEST_FADE_S
# So far (m) from where the governor would stop it a motion is planned, and so many times slower
# one is tried that comes nearer.
RESERVE_M, BEYOND = 2e-4, 1.3


@dataclass(frozen=True)
class Motion:
    """Values over the motion's own time from `start_ns` on; after `active_s` it decelerates to
    rest.

    The motion's time advances by one period with each command, however late the command is.
    """

    curve: Curve
    start_ns: int
    active_s: float

    def state(self, time_ns: int) -> tuple[Array, Array]:
        """Value (V,) and velocity (D,) at a time in ns."""
        return self.curve.state((time_ns - self.start_ns) / 1e9)

    def value(self, time_ns: float) -> Array:
        """Value (V,) at a time in ns."""
        return self.curve.at((time_ns - self.start_ns) / 1e9)

    @property
    def active_end_ns(self) -> int:
        """Time in ns at which the deceleration to rest begins."""
        return self.start_ns + round(self.active_s * 1e9)

    @property
    def end_ns(self) -> int:
        """Time in ns from which on it is at rest."""
        return self.start_ns + math.ceil(self.curve.duration_s * 1e9)


@dataclass(frozen=True)
class Joined:
    """A chunk's curve joined to the running motion.

    `times_s` (T,) is the chunk time in s of each command, `rate` how fast chunk time passes after
    the fade, `limited_by` the limit that slowed it down, "" where none did.
    """

    motion: Motion
    times_s: Array
    rate: float
    limited_by: str

    def chunk_s(self, time_ns: float) -> float:
        """Chunk time in s at a time in ns of the motion."""
        passed_s = (time_ns - self.motion.start_ns) / 1e9
        if passed_s <= 0.0:
            return float(self.times_s[0] + passed_s * self.rate)
        if passed_s >= self.motion.active_s:
            return float(self.times_s[-1] + (passed_s - self.motion.active_s) * self.rate)
        place = passed_s / self.motion.active_s * (len(self.times_s) - 1)
        index = int(place)
        start, end = self.times_s[index : index + 2].tolist()
        return float(start + (place - index) * (end - start))


@dataclass(frozen=True)
class Planner:
    """Plans motions within the bounds of a signal, as commands a period apart; `averaged` is how
    many of them the governor averages."""

    bounds: Bounds
    period_s: float
    constraints: tuple[Constraint, ...] = ()
    averaged: int = 1
    tool: ToolOrientation | None = None

    def rest(self, value: Array, now_ns: int) -> Motion:
        """A motion that stays at a value (V,)."""
        return Motion(self._through(value[None], np.zeros(0)), now_ns, 0.0)

    def stop(self, value: Array, velocity: Array, now_ns: int) -> Motion:
        """A motion that comes to rest from a value (V,) and velocity (D,): along the tangent,
        smoothly; where that would leave the range, braking axis by axis (`braking_way`)."""
        values = np.concatenate([value[None], self._stop(self.bounds, value, velocity)])
        return Motion(self._through(values, velocity), now_ns, 0.0)

    def stopping_time_s(self, velocity: Array) -> float:
        """Duration in s of a smooth stop from a velocity (D,)."""
        speed = self.bounds.space.lengths(velocity)
        return PEAK_STOP * float((speed / (STOP_SHARE * KEPT * self.bounds.deceleration)).max())

    def curve(self, values: Array, step_s: float) -> Curve:
        """The curve through a chunk's steps (T, V), clipped to the range."""
        space = self.bounds.space
        places = space.places(values)
        values = space.displace(
            values, np.clip(places, self.bounds.lower, self.bounds.upper) - places
        )
        if self.tool:
            values = self.tool.taken_in(values, lambda v: Curve.through(space, v, step_s))
        return Curve.through(space, values, step_s)

    def inside(self, curve: Curve) -> Curve:
        """A curve that also stays in the range between its steps, which are in it."""
        times_s = np.linspace(0.0, curve.duration_s, SAMPLES_PER_STEP * len(curve.knots))
        if not leaves_range(self.bounds, curve.at(times_s), OUTSIDE):
            return curve
        return curve.monotone(np.isfinite(self.bounds.lower) | np.isfinite(self.bounds.upper))

    def join(
        self,
        curve: Curve,
        from_s: float,
        old: Motion,
        velocity: Array,
        at_ns: int,
        blend_s: float,
        speed_scale: float,
    ) -> Joined | None:
        """The motion from the running one into a chunk's curve; None where the search finds none.

        Args:
            curve: The curve of the chunk.
            from_s: Time in the curve at which it is joined, in s.
            old: The running motion, which ends at rest.
            velocity: Velocity (D,) of the command before the join.
            at_ns: Time of the join, in ns of the motion.
            blend_s: Shortest duration of the fade in s.
            speed_scale: How fast chunk time should pass.
        """
        own = excess(
            self.bounds.scaled(CHUNK_SHARE * KEPT),
            self._played(curve, from_s, speed_scale),
            self.period_s,
        )
        rate = speed_scale / max(1.0, own.factor)
        limited_by = own.limit if own.factor > 1.0 else ""
        gap = self.bounds.space.difference(curve.at(from_s), old.value(at_ns))
        blend_s = max(blend_s, SHORTEST_BLEND_S)
        share, waits, barely = FADE_SHARE, False, None
        for attempt in range(ATTEMPTS):
            if (curve.duration_s - from_s) / rate + blend_s > LONGEST_MOTION_S:
                break
            fade = make_fade(self.bounds, gap, blend_s, share)
            if fade is None:
                break
            times_s = self._times_s(curve.duration_s, from_s, rate, fade if waits else None)
            values, active_s = self._faded(
                curve, times_s, old=old, velocity=velocity, at_ns=at_ns, fade=fade
            )
            found = self._excess(values, velocity)
            joined = Joined(
                Motion(self._through(values, velocity), at_ns, active_s),
                times_s,
                rate,
                limited_by if waits or rate < speed_scale else "",
            )
            if found.factor <= 1.0:
                return joined
            if found.factor <= BARELY / KEPT:
                barely = joined
            limited_by = limited_by or found.limit
            factor = min(max(found.factor, 1.02), 2.0)
            fading = found.index * self.period_s <= fade.duration_s
            if fading and found.limit == "velocity" and not waits:
                waits = True
            elif fading:
                longer = max(factor, 1.2 if attempt < ATTEMPTS / 3 else 1.6)
                blend_s, share = blend_s * longer, share / longer
            if not fading or attempt >= ATTEMPTS / 2:
                rate /= factor
        return barely

    def _beyond(self, values: Array, velocity: Array) -> Excess | None:
        """Where commands come nearer than `RESERVE_M` to where the governor would stop them, and
        nearer than they begin."""
        if not self.constraints:
            return None
        since = np.arange(1 - self.averaged, 0)[:, None] * self.period_s
        before = self.bounds.space.displace(values[0], since * velocity)
        values = means(self.bounds.space, np.concatenate([before, values]), self.averaged)
        for constraint in self.constraints:
            allowed = np.maximum(constraint.depth(values[:1]).max(axis=0), -RESERVE_M)
            over = (constraint.depth(values) - allowed).max(axis=1)
            if over.max() > OUTSIDE:
                return Excess(BEYOND, int(np.argmax(over > OUTSIDE)), "workspace")
        return None

    def _times_s(self, end_s: float, from_s: float, rate: float, fade: Fade | None) -> Array:
        """How far the chunk's time has come with each command.

        With a fade w it waits, s(t) = (integral of w) / w: a straight chunk p + v s that an arm at
        rest in p goes over into is then p + w s v = p + (integral of w) v, so its velocity w v is
        never more than the chunk's own.
        """
        step_s = rate * self.period_s
        count = max(1, math.floor((end_s - from_s) / step_s + 1e-9))
        if fade is None:
            return np.asarray(from_s + step_s * np.arange(count + 1), dtype=np.float64)
        count += math.ceil(fade.duration_s / self.period_s)
        weights = fade.weights(np.arange(count + 1) * np.float64(self.period_s))
        passed = (np.cumsum(weights) - weights / 2) / np.maximum(weights, np.finfo(float).tiny)
        times_s: Array = from_s + step_s * np.maximum.accumulate(passed)
        return times_s[: max(2, int(np.searchsorted(times_s, end_s + 1e-9, "right")))]

    def _played(self, curve: Curve, from_s: float, rate: float) -> Array:
        """What is left of a chunk, as commands."""
        count = max(3, math.floor((curve.duration_s - from_s) / rate / self.period_s))
        return curve.at(from_s + rate * self.period_s * np.arange(count + 1))

    def _faded(
        self, curve: Curve, times_s: Array, old: Motion, velocity: Array, at_ns: int, fade: Fade
    ) -> tuple[Array, float]:
        """Commands from the join to the rest, and how long the chunk is followed."""
        space, count = self.bounds.space, len(times_s) - 1
        passed_s: Array = np.float64(self.period_s) * np.arange(count + 1)
        targets, weights = curve.at(times_s), fade.weights(passed_s)[:, None]

        def mean(olds: Array) -> Array:
            return space.displace(olds, weights * space.difference(targets, olds))

        olds = old.curve.at((at_ns - old.start_ns) / 1e9 + passed_s)
        values = mean(olds)
        if fade.duration_s < LONGEST_COAST_S:
            since_s = passed_s - (old.active_end_ns - at_ns) / 1e9
            coasting = mean(self._coasted(olds, velocity, since_s))
            if not leaves_range(self.bounds.around(values[0]), coasting, OUTSIDE):
                values = coasting
        last = space.difference(values[-1], values[-2]) / self.period_s
        inside = self.bounds.scaled(KEPT).around(values[0])
        stop = self._stop(inside, values[-1], last)
        return np.concatenate([values, stop]), count * self.period_s

    def _coasted(self, values: Array, velocity: Array, since_s: Array) -> Array:
        """Values (T, V) at times (T,) after a motion has run out, as if it went on then.

        `velocity` (D,) is that of the command before the first one.
        """
        space, active = self.bounds.space, int(np.sum(since_s < self.period_s / 2))
        if active == 0 or active == len(values):
            return values
        step = velocity * self.period_s
        if active > 1:
            step = space.difference(values[active - 1], values[active - 2])
        ways = np.arange(1, len(values) - active + 1)[:, None] * step
        return np.concatenate([values[:active], space.displace(values[active - 1], ways)])

    def _excess(self, values: Array, velocity: Array) -> Excess:
        """Of commands that follow one with a velocity."""
        before = self.bounds.space.displace(values[0], -velocity * self.period_s)
        bounds = self.bounds.scaled(KEPT).around(values[0])
        found = excess(bounds, np.concatenate([before[None], values]), self.period_s)
        return self._beyond(values, velocity) or found

    def _stop(self, bounds: Bounds, value: Array, velocity: Array) -> Array:
        """Values (N, V) after each period until the rest."""
        count = math.ceil(self.stopping_time_s(velocity) / self.period_s - 1e-9)
        if count == 0:
            return np.empty((0, value.size))
        u = (np.arange(1, count + 1) / count)[:, None]
        way = u - u**3 + u**4 / 2
        values = bounds.space.displace(value, way * velocity * count * self.period_s)
        if not leaves_range(bounds.around(value), values, OUTSIDE):
            return values
        return braking_way(bounds, value, velocity, self.period_s)

    def _through(self, values: Array, velocity: Array) -> Curve:
        """Commands as a curve; `velocity` is that before the first one."""
        space = self.bounds.space
        if len(values) == 1:
            return Curve.through(space, values, self.period_s)
        between = space.difference(values[1:], values[:-1]) / self.period_s
        before = np.concatenate([velocity[None], between])
        after = np.concatenate([between, np.zeros_like(between[:1])])
        velocities = (before + after) / 2
        velocities[-1] = 0.0
        return Curve(space, self.period_s, values, velocities)
