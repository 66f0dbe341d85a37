"""Gripper commands: debounced decisions, followed at a limited speed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from groot_ros.chunks.execution.grip_decisions import LASTING_NS, GripDecisions
from groot_ros.chunks.execution.running import Running

Closures = Mapping[str, float | None]
"""By the names of signals; None where nobody has said."""


class GripFollower:
    """Follows a closure at up to `speed` per second; None: at once."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._wanted: float | None = None
        self.closure: float | None = None
        """In [0, 1]; None when nothing was commanded yet."""

    @property
    def goal(self) -> float | None:
        """The closure that it moves to."""
        return self.closure if self._wanted is None else self._wanted

    def follow(self, wanted: float | None, passed_s: float) -> float | None:
        """The closure to command, `passed_s` after the last one."""
        if wanted is None:
            return self.closure
        wanted = self._wanted = min(max(wanted, 0.0), 1.0)
        if self._speed is None or self.closure is None:
            self.closure = wanted
        else:
            most = self._speed * max(0.0, passed_s)
            self.closure += min(max(wanted - self.closure, -most), most)
        return self.closure


class Gripper:
    """One gripper: its commanded closure, its decisions, and the previously executed chunk; `name`
    is that of its signal."""

    def __init__(self, speed: float | None, name: str) -> None:
        self.name = name
        self._follower, self._decisions = GripFollower(speed), GripDecisions()
        self._before: Running | None = None

    @property
    def closure(self) -> float | None:
        """The last commanded closure in [0, 1]; None before the first."""
        return self._follower.closure

    @property
    def goal(self) -> float | None:
        """The closure that it moves to."""
        return self._follower.goal

    def start_from(self, closure: float | None) -> None:
        """Set the measured closure before the first chunk; None where it is not measured."""
        self._follower.closure = closure
        self.forget()

    def forget(self) -> None:
        """Forget decisions and the previous chunk, at the beginning of an episode."""
        self._before = None
        self._decisions.forget()

    def passed(self, running: Running) -> None:
        """Record that the execution of a chunk has ended because another one follows."""
        self._before = running

    def follow(
        self, running: Running | None, time_ns: int, passed_s: float, is_alone: bool
    ) -> float | None:
        """The closure to command, `passed_s` after the last one.

        `is_alone` where the previous chunk is not compared with: chunks that are executed whole
        never cover the same time, and a last chunk is not held back for one that never comes.
        """
        wanted = running.grip_at(time_ns, self.name) if running else None
        if running and wanted is not None:
            before = None
            if self._before is not None and not is_alone:
                before = self._before.grip_at(time_ns, self.name)
            after = partial(running.grips_until, time_ns, self.name, time_ns + LASTING_NS)
            wanted = self._decisions.settle(wanted, running.chunk_id, before, after)
        return self._follower.follow(wanted, passed_s)


class Grippers:
    """The grippers of all arms in the order of their names, each with its own decisions."""

    def __init__(self, names: Sequence[str], speed: float | None) -> None:
        self._each = [Gripper(speed, name) for name in names]

    @property
    def closures(self) -> Closures:
        """The last commanded closure by name; None before the first."""
        return {gripper.name: gripper.closure for gripper in self._each}

    @property
    def goals(self) -> Closures:
        """The closures that they move to, by name."""
        return {gripper.name: gripper.goal for gripper in self._each}

    def start_from(self, closures: Closures) -> None:
        """Set the measured closures before the first chunk."""
        for gripper in self._each:
            gripper.start_from(closures.get(gripper.name))

    def forget(self) -> None:
        """`Gripper.forget` of each."""
        for gripper in self._each:
            gripper.forget()

    def passed(self, running: Running) -> None:
        """`Gripper.passed` of each."""
        for gripper in self._each:
            gripper.passed(running)

    def follow(
        self, running: Running | None, time_ns: int, passed_s: float, is_alone: bool
    ) -> Closures:
        """`Gripper.follow` of each, by name."""
        return {
            gripper.name: gripper.follow(running, time_ns, passed_s, is_alone)
            for gripper in self._each
        }
