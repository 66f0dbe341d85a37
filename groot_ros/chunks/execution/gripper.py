"""The gripper: what chunks say of it, what of that is obeyed, and how it gets there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from groot_ros.chunks.execution.grip_decisions import LASTING_NS, GripDecisions
from groot_ros.chunks.execution.running import Running

Closures = Mapping[str, float | None]
"""By the names of signals; None where nobody has said."""


class GripFollower:
    """Goes at most `speed` closures per second; None is as fast as commanded."""

    def __init__(self, speed: float | None) -> None:
        self._speed = speed
        self._wanted: float | None = None
        self.closure: float | None = None
        """In [0, 1]; None when nothing was commanded yet."""

    @property
    def goal(self) -> float | None:
        """Where it goes."""
        return self.closure if self._wanted is None else self._wanted

    def follow(self, wanted: float | None, passed_s: float) -> float | None:
        """The closure to command, so long after the last one."""
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
    """Owns the closure, the decisions behind it, and the chunk before the running one; `name` is
    that of its signal."""

    def __init__(self, speed: float | None, name: str) -> None:
        self.name = name
        self._follower, self._decisions = GripFollower(speed), GripDecisions()
        self._before: Running | None = None

    @property
    def closure(self) -> float | None:
        """What was commanded last; None before anything was."""
        return self._follower.closure

    @property
    def goal(self) -> float | None:
        """Where it goes."""
        return self._follower.goal

    def start_from(self, closure: float | None) -> None:
        """Where the gripper is, before the first chunk."""
        self._follower.closure = closure
        self.forget()

    def forget(self) -> None:
        """An episode begins."""
        self._before = None
        self._decisions.forget()

    def passed(self, running: Running) -> None:
        """Another chunk follows this one."""
        self._before = running

    def follow(
        self, running: Running | None, time_ns: int, passed_s: float, is_alone: bool
    ) -> float | None:
        """The closure to command, so long after the last one.

        `is_alone` where the chunk before has no say: chunks that are played whole never speak of
        the same time, and where nothing follows, the last one is not held back for ever.
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
    """The grippers of all arms, each with decisions of its own, in the order of their names."""

    def __init__(self, names: Sequence[str], speed: float | None) -> None:
        self._each = [Gripper(speed, name) for name in names]

    @property
    def closures(self) -> Closures:
        """What was commanded last by name; None before anything was."""
        return {gripper.name: gripper.closure for gripper in self._each}

    @property
    def goals(self) -> Closures:
        """Where they go."""
        return {gripper.name: gripper.goal for gripper in self._each}

    def start_from(self, closures: Closures) -> None:
        """Where they are, before the first chunk."""
        for gripper in self._each:
            gripper.start_from(closures.get(gripper.name))

    def forget(self) -> None:
        """An episode begins."""
        for gripper in self._each:
            gripper.forget()

    def passed(self, running: Running) -> None:
        """Another chunk follows this one."""
        for gripper in self._each:
            gripper.passed(running)

    def follow(
        self, running: Running | None, time_ns: int, passed_s: float, is_alone: bool
    ) -> Closures:
        """`Gripper.follow` of each."""
        return {
            gripper.name: gripper.follow(running, time_ns, passed_s, is_alone)
            for gripper in self._each
        }
