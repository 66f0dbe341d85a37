"""Turning chunks into setpoints at the command rate; pure, the caller brings the clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from groot_ros.chunks.blend import Jump, blend, jump, limit_speed
from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.robot import Limits


class Motion(Enum):
    """What the executor does now."""

    IDLE = "idle"
    EXECUTING = "executing"
    HOLDING = "holding"


@dataclass(frozen=True)
class Execution:
    """What became of one chunk; `starved` and `executed` in steps."""

    chunk_id: int
    epoch: int
    horizon: int
    executed: int
    dropped: int
    starved: int
    arrived_ns: int
    seam: Jump


@dataclass
class _Running:
    chunk_id: int
    chunk: Chunk
    arrived_ns: int
    dropped: int
    seam: Jump


@dataclass
class ChunkExecutor:
    """Samples the newest chunk, eases from the last one into it, holds when it has run out.

    Speed stays within the robot's limits: where a chunk asks for more, the setpoint lags behind.

    A chunk of an older epoch, one whose steps have all passed and one that is not finite are
    refused with a reason. Holding lasts `watchdog_ns`, then nothing is commanded any more.
    """

    limits: Limits = field(default_factory=Limits)
    blend_ns: int = 150_000_000
    watchdog_ns: int = 1_000_000_000
    epoch: int = 0
    motion: Motion = Motion.IDLE
    _running: _Running | None = None
    _leaving: Chunk | None = None
    _last: Setpoint | None = None
    _last_ns: int = 0
    _hold_since_ns: int = 0
    _ended: list[Execution] = field(default_factory=list)

    def start_from(self, setpoint: Setpoint, now_ns: int) -> None:
        """Where the robot is, before the first chunk: the motion begins there."""
        if self._last is None:
            self._last, self._last_ns = setpoint, now_ns

    def accept(self, chunk_id: int, chunk: Chunk, now_ns: int) -> str | None:
        """Take a chunk from `now_ns` on; the reason when it is refused."""
        if reason := self._refusal(chunk, now_ns):
            return reason
        self._end_running(now_ns)
        self.epoch = chunk.epoch
        self._leaving = self._running.chunk if self._running else None
        seam = Jump(0.0, 0.0, ())
        if self._running and self._last:
            seam = jump(self._last, chunk.sample(now_ns))
        dropped = chunk.passed_steps(now_ns)
        self._running = _Running(chunk_id, chunk, now_ns, dropped, seam)
        self.motion = Motion.EXECUTING
        return None

    def _refusal(self, chunk: Chunk, now_ns: int) -> str | None:
        if chunk.epoch < self.epoch:
            return f"epoch {chunk.epoch} is over, now it is {self.epoch}"
        if chunk.end_ns < now_ns:
            late_s = (now_ns - chunk.end_ns) / 1e9
            return f"all {len(chunk)} steps have passed, the last one {late_s:.2f} s ago"
        for name in ("ee_pose", "joint_position", "grip"):
            values = getattr(chunk, name)
            if values is not None and not np.all(np.isfinite(values)):
                return f"{name} holds NaN or infinity"
        return None

    def cancel(self, epoch: int, now_ns: int) -> None:
        """End the motion: hold the last setpoint; chunks of older epochs are void."""
        if epoch < self.epoch:
            return
        self.epoch = epoch
        if self._running:
            self._end_running(now_ns)
            self._running = self._leaving = None
            self._hold(now_ns)

    def take_ended(self) -> list[Execution]:
        """What became of the chunks that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def _end_running(self, now_ns: int) -> None:
        if (running := self._running) is None:
            return
        chunk = running.chunk
        self._ended.append(
            Execution(
                chunk_id=running.chunk_id,
                epoch=chunk.epoch,
                horizon=len(chunk),
                executed=max(0, chunk.passed_steps(now_ns) - running.dropped),
                dropped=running.dropped,
                starved=max(0, now_ns - chunk.end_ns) // chunk.step_ns,
                arrived_ns=running.arrived_ns,
                seam=running.seam,
            )
        )

    def setpoint(self, now_ns: int) -> Setpoint | None:
        """What to command now, None when nothing is to be commanded."""
        if self.motion is Motion.IDLE or self._last is None and self._running is None:
            return None
        wanted = self._wanted(now_ns)
        if wanted is None:
            return None
        if self._last is not None:
            duration_s = max(0, now_ns - self._last_ns) / 1e9
            wanted = limit_speed(self._last, wanted, self.limits, duration_s)
        self._last, self._last_ns = wanted, now_ns
        return wanted

    def _wanted(self, now_ns: int) -> Setpoint | None:
        running = self._running
        if self.motion is Motion.EXECUTING and running and now_ns > running.chunk.end_ns:
            self._hold(running.chunk.end_ns)
        if self.motion is Motion.HOLDING and now_ns - self._hold_since_ns > self.watchdog_ns:
            self.stop(now_ns)
            return None
        if running is None:
            return self._last
        wanted = running.chunk.sample(now_ns)
        if self._leaving and self.blend_ns > 0:
            fraction = (now_ns - running.arrived_ns) / self.blend_ns
            if fraction < 1.0:
                return blend(self._leaving.sample(now_ns), wanted, fraction)
        return wanted

    def _hold(self, since_ns: int) -> None:
        self.motion = Motion.HOLDING
        self._hold_since_ns = since_ns

    def stop(self, now_ns: int) -> None:
        """Command nothing until the next chunk."""
        self._end_running(now_ns)
        self.motion = Motion.IDLE
        self._running = self._leaving = self._last = None
