"""The command thread: state of the robot, next setpoint, publishing."""

from __future__ import annotations

import time
import traceback
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.shadow import Shadow
from groot_ros.nodes.drivers.arm_outputs import command_publisher
from groot_ros.nodes.drivers.command import Command
from groot_ros.nodes.drivers.controllers import check_controllers
from groot_ros.nodes.drivers.fake_graph import FakeOnlyPublisher
from groot_ros.nodes.drivers.outputs import CommandOutput, SetpointPublisher
from groot_ros.nodes.executor.chunk_reports import ChunkReports
from groot_ros.nodes.lifecycle import FAILURES_PERIOD_S, GuardedLifecycleNode
from groot_ros.observation.buffer import NotReady
from groot_ros.observation.newest_state import NewestState
from groot_ros.robot.config import RobotConfig
from groot_ros.timing.command_loop import CommandLoop, SteppedLoop
from groot_ros.timing.periods import Periods

Array = NDArray[np.float64]


class Commanding:
    """Makes one command after the other, also after errors.

    `guard` is held where `motion`, `state` and `shadow` are used; all else belongs to the command
    thread while its `loop` runs, and to the callbacks otherwise.
    """

    loop: CommandLoop | SteppedLoop | None = None
    output: CommandOutput | None = None
    """Where commands are sent, None where they are not."""

    def __init__(
        self,
        node: GuardedLifecycleNode,
        robot: RobotConfig,
        *,
        motion: ChunkExecutor,
        guard: AbstractContextManager[object],
        state: NewestState,
        setpoints: SetpointPublisher,
        shadow: Shadow,
        reports: ChunkReports,
        periods: Periods | None,
        dry_run: bool,
    ) -> None:
        """`periods` count the commands that are due, where they are made up for; in a dry run
        chunks are compared with what the robot does."""
        self._node, self._robot = node, robot
        self._motion, self._guard, self._state = motion, guard, state
        self._setpoints, self._shadow, self._reports = setpoints, shadow, reports
        self._periods = periods
        self._dry_run = dry_run
        self._is_commanding = False
        self.commanded = 0
        """Commands that were sent."""

    def open(self, is_fake: bool) -> None:
        """Create the command outputs; with `is_fake` they send only while nothing but the fake
        robot listens. UserError for a controller that would not keep the limits."""
        if self._dry_run or self.output is not None:
            return
        if not is_fake:
            check_controllers(self._node, self._robot)
        output = command_publisher(self._node, self._robot)
        self.output = FakeOnlyPublisher(self._node, self._robot, output) if is_fake else output

    def start(self) -> None:
        """Begin commanding, at the robot's rate or at the ticks of the simulator's clock."""
        loop_class = SteppedLoop if self._node.lockstep else CommandLoop
        self.loop = loop_class(self._robot.output.rate_hz, self._tick, self.failed)
        self.loop.start()

    def stop(self) -> None:
        """End commanding."""
        if loop := self.loop:
            self.loop = None
            loop.close()
        with self._guard:
            self._motion.release(self._node.now_ns())
        self._cease()
        while self._is_commanding:
            time.sleep(1.0 / self._robot.output.rate_hz)
            self._cease()
        self.report_ended()

    def let_go(self, patience_s: float) -> None:
        """Release the motion, and wait up to `patience_s` until the command thread has told
        controllers to stop."""
        deadline_s = time.monotonic() + patience_s
        while True:
            with self._guard:
                self._motion.release(self._node.now_ns())
            if not (self.loop and self._is_commanding and time.monotonic() < deadline_s):
                return
            time.sleep(1.0 / self._robot.output.rate_hz)

    def close(self) -> None:
        """Destroy the command outputs."""
        if self.output:
            self.output.close()
            self.output = None

    def _tick(self) -> None:
        with self._guard:
            if loop := self.loop:
                loop.mark(self._motion.spare_s)
            now_ns = self._node.now_ns()
            due, behind_ns = self._due()
            if due == 0:
                return
            measured = None
            try:
                measured = self._measured(now_ns)
                if measured is not None and not self._dry_run:
                    self._motion.measured(measured, now_ns)
                for _ in range(due):
                    setpoint = self._motion.setpoint(now_ns)
            except Exception as error:
                # Whatever it is: a robot that gets no command may go on as fast as it was.
                setpoint = self._motion.fail(self._told(error), now_ns)
            motion, time_ns = self._motion.motion, self._motion.time_ns
            grip_goals = self._motion.grip_goals
        if setpoint is None:
            self._cease()
        elif motion:
            stamp_ns = now_ns - behind_ns
            self._send(
                Command(
                    setpoint=setpoint,
                    motion=motion,
                    stamp_ns=stamp_ns,
                    time_ns=time_ns,
                    measured=measured,
                    grip_goals=grip_goals,
                )
            )
        self.report_ended()
        if measured is not None and self._dry_run:
            with self._guard:
                verdicts = self._shadow.measured(now_ns, measured)
            self._reports.compared(verdicts, now_ns)

    def _due(self) -> tuple[int, int]:
        """How many commands to make now, and the time in ns since the last one was due."""
        if self._periods is None:
            return 1, 0
        if self._motion.is_idle:
            self._periods.restart()
        return self._periods.due(), self._periods.behind_ns

    def _cease(self) -> None:
        """Nothing is commanded any more: what would go on all the same is told to stop, which
        may take some periods."""
        self._is_commanding = bool(self.output and self._is_commanding and not self.output.cease())

    def _send(self, command: Command) -> None:
        if self.output:
            self._is_commanding = True
            self.output.send(command)
            self.commanded += 1
        self._setpoints.send(command)

    def _measured(self, now_ns: int) -> Array | None:
        """Where the robot is; a motion stops when that is not known any more."""
        try:
            return self._state.at(now_ns)
        except NotReady as reason:
            if not self._motion.is_at_rest:
                self._motion.halt(StopReason.STALE, now_ns, str(reason))
            return None

    def failed(self, error: Exception) -> None:
        """Bring the arm to rest after an error; the commands for that continue."""
        sentence = self._told(error)
        with self._guard:
            self._motion.halt(StopReason.FAILED, self._node.now_ns(), sentence)

    def _told(self, error: Exception) -> str:
        """An error in a sentence; where it came from is logged."""
        trace = "".join(traceback.format_exception(error))
        self._node.get_logger().error(
            f"a command failed: {trace}", throttle_duration_sec=FAILURES_PERIOD_S
        )
        return f"{type(error).__name__}: {error}"

    def report_ended(self) -> None:
        """Publish the results of the chunks whose execution has ended."""
        with self._guard:
            ended = self._motion.take_ended()
        self._reports.ended(ended)
