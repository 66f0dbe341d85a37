"""Chunks of every kind against an executor, and how far its commands came beyond the limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.joining import Offer
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.execution.strategies import STRATEGIES
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.tool_orientation import ToolOrientation, tool_orientation
from groot_ros.robot.limits import Limits
from groot_ros.signals.kinds import JOINTS, POSE
from groot_ros.signals.signals import Signals, SignalSpec

Array = NDArray[np.float64]

S = 1_000_000_000
# Where a file sets no range: rad, m.
FREE = 2.0
RESPONSE_S = 0.06
STOPS = (StopReason.UNFAMILIAR, StopReason.STALE, StopReason.DEACTIVATED, StopReason.FAULT)


@dataclass
class Findings:
    """The worst of commands: m or rad outside, and shares of the limits; and what was seen."""

    commands: int = 0
    outside: float = 0.0
    velocity: float = 0.0
    acceleration: float = 0.0
    jerk: float = 0.0
    chunks: int = 0
    refused: int = 0
    interventions: int = 0
    stops: int = 0

    def add(self, other: Findings) -> None:
        """Include the findings of more commands."""
        for name in ("outside", "velocity", "acceleration", "jerk"):
            setattr(self, name, max(getattr(self, name), getattr(other, name)))
        for name in ("commands", "chunks", "refused", "interventions", "stops"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def is_safe(self) -> bool:
        """Whether nothing exceeds what rounding explains."""
        worst = max(self.velocity, self.acceleration, self.jerk)
        return self.outside <= 1e-5 and worst <= 1.01


def measure(
    bounds: Bounds, values: Array, period_s: float, tool: ToolOrientation | None = None
) -> Findings:
    """The findings of commands (T, V) that begin at rest, a period apart."""
    turned = 0.0
    if tool:
        beyond = tool.beyond(values)
        turned = float((beyond - np.maximum(beyond[0], 0.0)).max())
    space = bounds.space
    values = np.concatenate([values[:1], values[:1], values[:1], values])
    inside = bounds.around(values[0])
    places = space.places(values)
    out = np.maximum(inside.lower - places, places - inside.upper)
    velocities = space.difference(values[1:], values[:-1]) / period_s
    changes = np.diff(velocities, axis=0) / period_s
    jerks = np.diff(changes, axis=0) / period_s
    before, after = velocities[:-1], velocities[1:]
    slower = (after * before >= 0) & (np.abs(after) <= np.abs(before))
    brakes = space.lengths(np.where(slower, 0.0, 1.0)) == 0
    hardest = np.maximum(bounds.acceleration, bounds.deceleration)
    most = np.where(brakes, hardest, bounds.acceleration)
    return Findings(
        commands=len(values) - 3,
        outside=max(0.0, float(out.max()), turned),
        velocity=float((space.lengths(velocities) / bounds.velocity).max()),
        acceleration=float((space.lengths(changes) / most).max()),
        jerk=float((space.lengths(jerks) / bounds.jerk).max()),
    )


@dataclass
class LimitTrial:
    """One arm for a while: chunks, stops, resumes, delays, all from a seed; `interpolated` where
    its motions are sent as trajectories."""

    limits: Limits
    signal: SignalSpec
    joints: int
    period_s: float
    seed: int
    interpolated: bool = False
    findings: Findings = field(default_factory=Findings)

    def __post_init__(self) -> None:
        self._rng = rng = np.random.default_rng(self.seed)
        self._bounds = Bounds.of(self.limits, self.signal.kind)
        self._tool = tool_orientation(self.limits, self.signal.kind)
        settings = ExecutionSettings(
            self.signal,
            strategy=str(rng.choice(list(STRATEGIES))),
            blend_s=float(rng.choice([0.0, 0.05, 0.15, 0.4])),
            watchdog_s=0.6,
            period_s=self.period_s,
            interpolated=self.interpolated,
        )
        self._executor = ChunkExecutor(self.limits, settings)
        self._period_ns = round(self.period_s * S)
        size = 3 if self.signal.kind == POSE else self.joints
        lower, upper = self._bounds.lower[:size], self._bounds.upper[:size]
        self._low = np.broadcast_to(np.where(np.isfinite(lower), lower, -FREE), size)
        self._high = np.broadcast_to(np.where(np.isfinite(upper), upper, FREE), size)
        self._now_ns = self._last_ns = 10 * S
        outside = 0.05 * rng.normal(size=size) * (rng.random() < 0.2)
        self._arm = self._value(self._anywhere() + outside, self._turn())
        self._segment: list[Array] = []
        self._late: tuple[int, Offer] | None = None
        self._epoch = self._chunk_id = 0
        self._generators: tuple[Callable[[], Array], ...] = (
            self._wandering,
            self._cornering,
            self._skimming,
            self._going,
            self._going,
        )

    def run(self, commands: int) -> Findings:
        """Run until `commands` commands were made."""
        while self.findings.commands + len(self._segment) < commands:
            self._event()
            for _ in range(int(self._rng.integers(1, 1 + int(0.4 / self.period_s)))):
                self._tick()
        self._end_segment()
        self.findings.interventions = self._executor.interventions
        return self.findings

    def _tick(self) -> None:
        self._now_ns += self._period_ns
        if self._rng.random() < 0.02:
            self._now_ns += int(self._rng.exponential(0.03) * S)
        if self._now_ns - self._last_ns > self._executor.settings.longest_gap_s * S:
            # Without a command for so long the arm has come to rest.
            self._end_segment()
        self._last_ns = self._now_ns
        if self._late and self._now_ns >= self._late[0]:
            offer, self._late = self._late[1], None
            self._executor.commit(offer, offer.join(), self._now_ns)
        self._executor.measured(self._arm, self._now_ns)
        setpoint = self._executor.setpoint(self._now_ns)
        if setpoint is None:
            self._end_segment()
            return
        value = setpoint.value
        self._segment.append(value)
        space = self._bounds.space
        way = space.difference(value, self._arm)
        share = 1 - np.exp(-self.period_s / RESPONSE_S)
        self._arm = space.displace(self._arm, share * way)

    def _end_segment(self) -> None:
        if self._segment:
            values = np.array(self._segment)
            self.findings.add(measure(self._bounds, values, self.period_s, self._tool))
            self._segment = []

    def _event(self) -> None:
        rng, executor = self._rng, self._executor
        draw = rng.random()
        if draw < 0.1:
            self.findings.stops += 1
            executor.halt(STOPS[int(rng.integers(len(STOPS)))], self._now_ns)
        elif draw < 0.13:
            self._epoch += 1
            executor.cancel(self._epoch, self._now_ns)
        elif draw < 0.16:
            executor.set_speed_scale(float(rng.uniform(0.1, 1.0)), self._now_ns)
        elif draw < 0.18:
            self._push()
        elif executor.is_idle and draw < 0.3:
            self._arm = self._value(self._anywhere(), self._turn())
        else:
            self._offer()
        if executor.stops.blocked and rng.random() < 0.7:
            executor.resume()

    def _push(self) -> None:
        """Somebody pushes the arm, or the machine stands still for a second."""
        if self._rng.random() < 0.5:
            self._now_ns += S
        size = self._bounds.space.difference(self._arm, self._arm).size
        self._arm = self._bounds.space.displace(self._arm, 0.2 * self._rng.normal(size=size))

    def _offer(self) -> None:
        rng, executor = self._rng, self._executor
        values = rng.choice(np.array(self._generators, dtype=object))()
        step_ns = int(rng.choice([0.002, 0.01, 0.05, 1 / 15, 0.1, 0.5]) * S)
        stamp_ns = self._now_ns - int(rng.uniform(0.0, 0.3) * S)
        chunk = Chunk(stamp_ns, step_ns, self._epoch, Signals.of({self.signal: values}))
        self._chunk_id += 1
        self.findings.chunks += 1
        if executor.begins_anew:
            self._start()
        if rng.random() < 0.7:
            reason = executor.accept(self._chunk_id, chunk, self._now_ns)
            self.findings.refused += reason is not None
            return
        admitted = executor.admit(self._chunk_id, chunk, self._now_ns)
        if isinstance(admitted, str):
            return
        offer = executor.offer(admitted, self._now_ns)
        if isinstance(offer, Offer):
            self._late = self._now_ns + int(rng.uniform(0.0, 0.2) * S), offer

    def _start(self) -> None:
        """From the measured state; the commands before it have ended if that is elsewhere."""
        executor = self._executor
        last = self._segment[-1] if self._segment else None
        executor.start_from(self._arm, {}, self._now_ns)
        if last is not None and not np.array_equal(executor.held, last):
            self._end_segment()

    def _anywhere(self, shape: tuple[int, ...] = ()) -> Array:
        return self._rng.uniform(self._low, self._high, (*shape, len(self._low)))

    def _turn(self) -> Array:
        """Of any size, mostly in the cone where there is one."""
        return self._rng.normal(scale=0.3 if self._tool else 1.0, size=3)

    def _value(self, places: Array, turns: Array) -> Array:
        if self.signal.kind == JOINTS:
            return places
        zero = np.zeros((*places.shape[:-1], 7))
        zero[..., 3:] = self._tool.reference if self._tool else (1.0, 0.0, 0.0, 0.0)
        return self._bounds.space.displace(zero, np.concatenate([places, turns], axis=-1))

    def _inside(self, places: Array) -> Array:
        turns = np.cumsum(self._rng.normal(scale=0.05, size=(len(places), 3)), axis=0)
        return self._value(np.clip(places, self._low, self._high), turns)

    def _steps(self) -> int:
        return int(self._rng.integers(1, 50))

    def _here(self) -> Array:
        places = self._bounds.space.places(self._arm)
        return places[: len(self._low)]

    def _wandering(self) -> Array:
        """A random walk of any speed, cut off at the border."""
        scale = self._rng.choice([0.002, 0.02, 0.2])
        shape = (self._steps(), len(self._low))
        return self._inside(self._here() + np.cumsum(self._rng.normal(size=shape) * scale, axis=0))

    def _cornering(self) -> Array:
        """From corner to corner."""
        corners = self._rng.integers(0, 2, (self._steps(), len(self._low)))
        return self._inside(np.where(corners > 0, self._high, self._low))

    def _skimming(self) -> Array:
        """Fast along a border that it touches again and again."""
        steps = np.arange(self._steps())[:, None]
        places = self._here() + steps * self._rng.normal(scale=0.02, size=len(self._low))
        axis = self._rng.integers(len(self._low))
        border = self._rng.choice([self._low[axis], self._high[axis]])
        depth = self._rng.uniform(0.0, 0.05)
        places[:, axis] = border - np.sign(border - (self._low + self._high)[axis] / 2) * (
            depth * np.abs(np.sin(steps[:, 0] * self._rng.uniform(0.1, 1.0)))
        )
        return self._inside(places)

    def _going(self) -> Array:
        """As a policy does: smoothly to somewhere, a little beside."""
        start, goal = self._here(), self._anywhere()
        u = np.linspace(0.0, self._rng.uniform(0.1, 1.0), self._steps() + 1)[1:, None]
        way = u**3 * (10 - 15 * u + 6 * u**2) * (goal - start)
        return self._inside(start + way + self._rng.normal(scale=0.003, size=len(start)))
