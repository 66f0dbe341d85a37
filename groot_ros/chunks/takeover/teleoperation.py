"""Takeover at the executor: requests, refusals, and the execution of the operator's chunks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.activations import FollowedActivation
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.robot_motion import AnyReach, followed
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.takeover.control import Takeover
from groot_ros.chunks.takeover.homing import home_values
from groot_ros.chunks.takeover.turn import Control
from groot_ros.observation.buffer import NotReady
from groot_ros.robot.config import RobotConfig

Array = NDArray[np.float64]

# What a chunk that was refused leaves behind is no reason to stop for good.
FORGIVEN = (StopReason.STARVED, StopReason.POLICY_GONE, StopReason.REJECTED)
# Chunks of the operator are counted from here, those of a policy from 1.
FIRST_ID = 1 << 62


@dataclass(frozen=True, kw_only=True)
class ExecutorAccess:
    """What teleoperation uses of the executor.

    `guard` is held while `motion` is read or changed; `execute` executes a chunk and returns the
    reason where it is refused; `measured` returns the measured value, NotReady where it is not
    known; `reach` is as in `fit_ahead`; `clock` returns the time in ns.
    """

    motion: ChunkExecutor
    guard: AbstractContextManager[object]
    following: FollowedActivation
    execute: Callable[[int, Chunk], str | None]
    measured: Callable[[int], Array]
    reach: Callable[[], AnyReach | None]
    clock: Callable[[], int]


@dataclass(frozen=True)
class _Where:
    """Where the robot is: what is commanded (V,), the same by the names of the signals that chunks
    hold, whether it rests, and the era of chunks that count now."""

    here: Array
    reach: AnyReach | None
    values: dict[str, Array]
    is_at_rest: bool
    era: int


class Teleoperation:
    """Takes over and hands back, and has the operator's chunks executed in between; homing
    likewise.

    Belongs to the callbacks, which run one after the other.
    """

    def __init__(self, robot: RobotConfig, executor: ExecutorAccess) -> None:
        self.takeover = Takeover(robot)
        self._robot, self._executor = robot, executor
        self._count = FIRST_ID

    @property
    def sentence(self) -> str:
        """Who controls the robot, and why the operator does not yet."""
        takeover = self.takeover
        hint = f": {takeover.hint}" if takeover.hint else ""
        return f"{takeover.control.value}{hint}"

    def take_over(self) -> str | None:
        """Begin the operator's turn; the reason where it is refused."""
        takeover = self.takeover
        if not takeover.arms:
            wanted = self._robot.each_arm[0].output.signal.name
            return (
                f"not taken over: the robot file has no operator.{wanted}: name the topic of your "
                "device there, docs/correcting.md says how"
            )
        if takeover.control.is_of_operator:
            return None
        if refused := self._resume_for(StopReason.TAKEN_OVER):
            return refused.replace("not resumed", "not taken over")
        takeover.take_over()
        return None

    def go_home(self) -> str | None:
        """Begin homing to the robot file's home; the reason where it is refused."""
        takeover = self.takeover
        if not takeover.homing.arms:
            return (
                "not sent home: the robot file has no home: name the arm's joints or the hand's "
                "pose there, docs/correcting.md says how"
            )
        if takeover.control.is_of_operator:
            return "not sent home: the operator moves the robot, hand back first"
        if refused := self._resume_for(StopReason.GOES_HOME):
            return refused.replace("not resumed", "not sent home")
        takeover.go_home()
        return None

    def _resume_for(self, reason: StopReason) -> str | None:
        """Somebody asks for the robot: it comes to rest for them; why not."""
        with self._executor.guard:
            refused = self._executor.motion.resume()
            if refused is None:
                self._interrupt(reason)
        return refused

    def hand_back(self) -> str | None:
        """Return control to the policy; the reason where it is refused."""
        if self.takeover.control is Control.POLICY:
            return "not handed back: the policy moves the robot already"
        with self._executor.guard:
            self._interrupt(StopReason.HANDED_BACK)
        self.takeover.hand_back()
        return None

    def _interrupt(self, reason: StopReason) -> None:
        """Come to rest; nothing that was accepted so far counts."""
        motion, now_ns = self._executor.motion, self._executor.clock()
        if not motion.is_idle:
            motion.halt(reason, now_ns)
        motion.cancel(self._executor.following.interrupt(), now_ns)

    def lets(self, stamp_ns: int) -> bool:
        """Whether a policy's chunk of an observation at `stamp_ns` is executed now."""
        self._look()
        return self.takeover.lets(stamp_ns)

    def _look(self) -> None:
        with self._executor.guard:
            is_at_rest = self._executor.motion.is_at_rest
        self.takeover.look(is_at_rest, self._executor.clock())

    def step(self) -> str | None:
        """Have the operator's next chunk executed, once every STEP_S; why a device that was moved
        has not taken over, else None."""
        self._look()
        with self._executor.guard:
            waits = self._executor.motion.stops.blocked
        # A leader that is bumped into ends no stop that waits for somebody to look.
        refused = self.take_over() if self.takeover.is_asked_for and not waits else None
        if self.takeover.control.is_of_operator:
            self._lead()
        elif self.takeover.control is Control.HOME:
            return self._go_on_home()
        return refused

    def _where(self, now_ns: int) -> _Where:
        """Where the robot is commanded to, or is where nothing is commanded; NotReady where nobody
        knows."""
        motion = self._executor.motion
        with self._executor.guard:
            here = self._executor.measured(now_ns) if motion.is_idle else motion.held
            is_at_rest = motion.is_at_rest
            if motion.stops.reason in FORGIVEN:
                motion.resume()
            era = self._executor.following.era
        reach = self._executor.reach()
        return _Where(
            here=here,
            reach=reach,
            values=followed(self._robot, reach, here),
            is_at_rest=is_at_rest,
            era=era,
        )

    def _lead(self) -> None:
        takeover, motion, guard = self.takeover, self._executor.motion, self._executor.guard
        now_ns = self._executor.clock()
        try:
            where = self._where(now_ns)
        except NotReady as reason:
            takeover.hint = f"the robot's state is not known: {reason}"
            return
        chunk = takeover.chunk(where.values, where.is_at_rest, now_ns, where.era)
        if chunk is None:
            if not where.is_at_rest and takeover.control is Control.HANDOVER:
                with guard:
                    motion.halt(StopReason.SILENT, self._executor.clock())
            return
        refused = self._execute(chunk)
        if refused or takeover.control is Control.OPERATOR:
            takeover.hint = refused or ""

    def _execute(self, chunk: Chunk) -> str | None:
        self._count += 1
        refused = self._executor.execute(self._count, chunk)
        with self._executor.guard:
            self._executor.motion.forgive()
        return refused

    def _go_on_home(self) -> str | None:
        """Lead the arm on towards its home; why it does not get there."""
        takeover, motion, now_ns = self.takeover, self._executor.motion, self._executor.clock()
        with self._executor.guard:
            stopped = motion.stops.sentence if motion.stops.blocked else ""
        if stopped:
            return self._end_homing(stopped)
        try:
            where = self._where(now_ns)
            goal = home_values(self._robot, where.reach, where.here)
        except NotReady as reason:
            return self._end_homing(f"the robot's state is not known: {reason}")
        values = where.values
        chunk = takeover.chunk_home(
            values, goal, is_at_rest=where.is_at_rest, now_ns=now_ns, era=where.era
        )
        if chunk is None:
            return None
        if takeover.homing.is_home(values, goal):
            return self._end_homing("")
        takeover.hint = self._execute(chunk) or ""
        if away := takeover.homing.stays_away(values, goal, now_ns):
            return self._end_homing(f"{away}, {takeover.hint}" if takeover.hint else away)
        return None

    def _end_homing(self, problem: str) -> str | None:
        """The policy's turn begins; the problem in words."""
        with self._executor.guard:
            self._interrupt(StopReason.HANDED_BACK if problem else StopReason.AT_HOME)
        self.takeover.hand_back()
        self.takeover.hint = f"the arm did not get home: {problem}" if problem else ""
        return self.takeover.hint or None
