"""An operator's turn at the executor: taken, given back, and what moves the robot meanwhile."""

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

    `guard` is held while `motion` is looked at or changed; `execute` takes a chunk, or says why
    not; `measured` is where the robot is, NotReady where nobody knows; `reach` is as in
    `fit_ahead`; `clock` tells the time in ns.
    """

    motion: ChunkExecutor
    guard: AbstractContextManager[object]
    following: FollowedActivation
    execute: Callable[[int, Chunk], str | None]
    measured: Callable[[int], Array]
    reach: Callable[[], AnyReach | None]
    clock: Callable[[], int]


class Teleoperation:
    """Takes over and hands back, and lets the operator's chunks be executed meanwhile.

    Belongs to the callbacks, which come one after the other.
    """

    def __init__(self, robot: RobotConfig, executor: ExecutorAccess) -> None:
        self.takeover = Takeover(robot)
        self._robot, self._executor = robot, executor
        self._count = FIRST_ID

    @property
    def sentence(self) -> str:
        """Whose turn it is, and why the operator does not lead yet."""
        takeover = self.takeover
        hint = f": {takeover.hint}" if takeover.hint else ""
        return f"{takeover.control.value}{hint}"

    def take_over(self) -> str | None:
        """The operator's turn begins; why not."""
        takeover, motion = self.takeover, self._executor.motion
        if not takeover.arms:
            wanted = self._robot.each_arm[0].output.signal.name
            return (
                f"not taken over: the robot file has no operator.{wanted}: name the topic of your "
                "device there, docs/correcting.md says how"
            )
        if takeover.control is not Control.POLICY:
            return None
        with self._executor.guard:
            if (refused := motion.resume()) is not None:
                return refused.replace("not resumed", "not taken over")
            self._interrupt(StopReason.TAKEN_OVER)
        takeover.take_over()
        return None

    def hand_back(self) -> str | None:
        """The policy's turn begins; why not."""
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
        """Whether a chunk of the policy, made of an observation at a time, counts now."""
        self._look()
        return self.takeover.lets(stamp_ns)

    def _look(self) -> None:
        with self._executor.guard:
            is_at_rest = self._executor.motion.is_at_rest
        self.takeover.look(is_at_rest, self._executor.clock())

    def step(self) -> str | None:
        """Let the operator's next chunk be executed, once every STEP_S; why a device that was
        moved has not taken over."""
        self._look()
        with self._executor.guard:
            waits = self._executor.motion.stops.blocked
        # A leader that is bumped into ends no stop that waits for somebody to look.
        refused = self.take_over() if self.takeover.is_asked_for and not waits else None
        if self.takeover.control is not Control.POLICY:
            self._lead()
        return refused

    def _lead(self) -> None:
        takeover, motion, guard = self.takeover, self._executor.motion, self._executor.guard
        now_ns = self._executor.clock()
        try:
            with guard:
                # Where the robot is commanded to, or is where nothing is commanded.
                here = self._executor.measured(now_ns) if motion.is_idle else motion.held
                is_at_rest = motion.is_at_rest
                if motion.stops.reason in FORGIVEN:
                    motion.resume()
                era = self._executor.following.era
            values = followed(self._robot, self._executor.reach(), here)
        except NotReady as reason:
            takeover.hint = f"the robot's state is not known: {reason}"
            return
        chunk = takeover.chunk(values, is_at_rest, now_ns, era)
        if chunk is None:
            if not is_at_rest and takeover.control is Control.HANDOVER:
                with guard:
                    motion.halt(StopReason.SILENT, self._executor.clock())
            return
        self._count += 1
        refused = self._executor.execute(self._count, chunk)
        with guard:
            motion.forgive()
        if refused or takeover.control is Control.OPERATOR:
            takeover.hint = refused or ""
