"""The executor of a robot file and a fake arm that obeys it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.execution.admission import Bounded, Refused
from groot_ros.chunks.execution.reach import Reach, needs_reach
from groot_ros.chunks.execution.robot_motion import (
    AnyReach,
    begin_motion,
    fit_ahead,
    robot_executor,
)
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import Activity, StopReason
from groot_ros.chunks.execution.together import ReachOfArms
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.pose_chunks import Unsolved
from groot_ros.chunks.shadow import Shadow
from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.urdf import load_urdf
from groot_ros.sim.fake.arm import FakeArm
from groot_ros.sim.fake.arms import AnyState, FakeArms, fake_of
from groot_ros.sim.rehearsal.result import ChunkOutcome, Rehearsed, Stop

Array = NDArray[np.float64]


class RehearsedArm:
    """The executor of a robot file with a fake arm that follows it; results are in `result`.

    `motion` is the executor.
    """

    def __init__(self, robot: RobotConfig, settings: ExecutionSettings, result: Rehearsed) -> None:
        self._robot = robot
        self._result = result
        self._reach = _reach(robot)
        self._signal = robot.output.commanded
        self._bounds = Bounds.of(robot.limits, self._signal.kind)
        self.motion = robot_executor(robot, settings)
        self._shadow = Shadow(self._signal)
        self._arm: FakeArm | FakeArms | None = None

    def place(self, state: AnyState, now_ns: int) -> None:
        """Put the arm into a state, at rest."""
        self._arm = fake_of(self._robot, state, now_ns)

    @property
    def is_placed(self) -> bool:
        return self._arm is not None

    @property
    def waits_for_resume(self) -> bool:
        """Whether it has stopped and needs a resume."""
        return self.motion.stops.blocked and self.motion.is_at_rest

    def take(
        self, outcome: ChunkOutcome, bounded: Callable[[Chunk], Bounded], now_ns: int
    ) -> bool:
        """Offer a chunk to the executor; whether it was accepted."""
        assert self._arm
        self._result.chunks.append(outcome)
        number = len(self._result.chunks)
        try:
            inside = bounded(outcome.chunk)
            if self.motion.begins_anew:
                here = self._arm.state.signals[self._signal.name]
                begin_motion(
                    self.motion, self._reach, chunk=inside.chunk, measured=here, now_ns=now_ns
                )
            fitted = fit_ahead(
                self.motion, nullcontext(), clock=lambda: now_ns, reach=self._reach, bounded=inside
            )
        except (Refused, Unsolved) as reason:
            outcome.refused = str(reason)
            self.motion.count_refusal(outcome.refused, now_ns)
            return False
        outcome.chunk = fitted.chunk
        self._shadow.add(number, outcome.chunk)
        outcome.refused = self.motion.accept(number, outcome.chunk, now_ns) or ""
        return not outcome.refused

    def tick(
        self, now_ns: int, state: AnyState | None, grip: float | None = None
    ) -> Setpoint | None:
        """Make one command.

        Args:
            now_ns: The present time in ns.
            state: Recorded state of the arm, None where the bag does not hold it.
            grip: Commanded closure of the recorded gripper, None for the one that it reached.
        """
        assert self._arm
        if state is None and not self.motion.is_at_rest:
            self.motion.halt(StopReason.STALE, now_ns, f"the bag tells no {self._signal.name}")
        if setpoint := self.motion.setpoint(now_ns):
            self._arm.follow(setpoint.signals)
        self._arm.advance(now_ns)
        self._note_ended()
        if state:
            self._record(now_ns, state, grip)
        self._note_stops(now_ns)
        return setpoint

    def end(self, now_ns: int) -> None:
        """End the commands."""
        self.motion.release(now_ns)
        self._note_ended()
        self._note_stops(now_ns)

    def _note_stops(self, now_ns: int) -> None:
        for stop in self.motion.stops.take_news():
            self._result.stops.append(Stop(now_ns, stop.sentence))

    def _note_ended(self) -> None:
        for execution in self.motion.take_ended():
            outcome = self._result.chunks[execution.chunk_id - 1]
            outcome.rate, outcome.limited_by = execution.rate, execution.limited_by
            outcome.executed_steps = execution.executed

    def _record(self, now_ns: int, state: AnyState, grip: float | None) -> None:
        assert self._arm
        result, name, kind = self._result, self._signal.name, self._signal.kind
        shown, done = state.signals[name], self._arm.state.signals[name]
        for verdict in self._shadow.measured(now_ns, shown):
            result.chunks[verdict.chunk_id - 1].off = verdict
        result.beyond = max(result.beyond, self._excess(done))
        result.times_ns.append(now_ns)
        result.demonstrated.append(shown)
        result.executed.append(done)
        if self.motion.activity is Activity.EXECUTING:
            result.distances.append(kind.distances(done, shown))
        if self._robot.observations.grip:
            result.grips.append((state.grip if grip is None else grip, self._arm.grip))

    def _excess(self, value: Array) -> float:
        """How far a value is out of the workspace in m, or out of the joints' ranges in rad."""
        bounds = self._bounds
        places = bounds.space.places(value)
        return float(np.maximum(bounds.lower - places, places - bounds.upper).max(initial=0.0))


def _reach(robot: RobotConfig) -> AnyReach | None:
    """What fits chunks to the arm; None where poses are commanded or the file has no points."""
    if robot.arms:
        return ReachOfArms(robot)
    if not needs_reach(robot):
        return None
    if not robot.urdf:
        raise UserError(
            f"robot {robot.name} has no urdf, which output.kinematics and limits.points need: "
            "name the file of the arm's description in the robot file"
        )
    return Reach(robot, load_urdf(robot.urdf))
