"""Several arms that move as one: their joints side by side in one signal.

There is one value with one phase: along the path of all joints the slowest limit of any arm sets
the speed, and a stop is one deceleration of all arms. The limits remain those of each joint, so
that an arm costs another one time only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.admission import LONGEST_S, MARGIN_M, Borders, Bounded
from groot_ros.chunks.execution.reach import Reach, needs_reach
from groot_ros.chunks.limits.arm_points import ArmPoints, arm_points
from groot_ros.chunks.limits.bounds import refusal
from groot_ros.chunks.limits.pose_chunks import Unsolved
from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import SEPARATOR, Signals, of_arm
from groot_ros.signals.space import LinearSpace

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BordersOfArms:
    """`Borders` of each arm, one after the other."""

    each: tuple[Borders, ...]

    def bounded(self, chunk: Chunk) -> Bounded:
        """The chunk with steps in each arm's margin projected onto its border; Refused where one
        is farther outside."""
        count = 0
        for borders in self.each:
            bounded = borders.bounded(chunk)
            chunk, count = bounded.chunk, max(count, bounded.projected_steps)
        return Bounded(chunk=chunk, projected_steps=count)


AnyBorders = Borders | BordersOfArms


def robot_borders(
    robot: RobotConfig, longest_s: float = LONGEST_S, margin_m: float = MARGIN_M
) -> AnyBorders:
    """The range of a robot's chunks, of one or several arms (see `Borders`)."""
    found = tuple(
        Borders(
            signal=replace(arm.output.signal, name=name),
            limits=arm.limits,
            arm=name.rpartition(SEPARATOR)[0],
            longest_s=longest_s,
            margin_m=margin_m,
        )
        for arm, name in zip(robot.each_arm, robot.followed, strict=True)
    )
    return BordersOfArms(found) if robot.arms else found[0]


def places_of(robot: RobotConfig) -> dict[str, slice]:
    """The slice of each arm's joints in those of all, by the arm's name."""
    ends = np.cumsum([0, *(len(arm.joints) for arm in robot.each_arm)]).tolist()
    return {name: slice(*ends[i : i + 2]) for i, name in enumerate(robot.named_arms)}


class ReachOfArms:
    """Fits chunks of several arms, each by its own kinematics, and joins them to chunks of all
    joints.

    `points` are the watched points of all arms, None where there are none.
    """

    def __init__(self, robot: RobotConfig, margin_m: float = MARGIN_M) -> None:
        """UserError where a robot file names what a URDF does not have, or lacks one."""
        self._robot = robot
        self._places = places_of(robot)
        self._reaches = {
            name: _reach(arm, margin_m) for name, arm in robot.arms.items() if needs_reach(arm)
        }
        self.points: ArmPoints | None = arm_points(robot, self._places)

    def begin(self, joints: Array) -> None:
        """Set the measured joints (J,) of all arms from which a motion begins."""
        for name, reach in self._reaches.items():
            reach.begin(joints[self._places[name]])

    def followed_of(self, arm: str, joints: Array) -> Array:
        """The signal that chunks hold of one arm, where all arms are at joints (J,)."""
        own, reach = joints[self._places[arm]], self._reaches.get(arm)
        return reach.followed(own) if reach else own

    def fit(self, chunk: Chunk, start: Array, from_s: float) -> Bounded:
        """The chunk as the arms can execute it; Unsolved with the reason where one cannot.

        Args:
            chunk: The chunk.
            start: Joints (J,) of all arms at the join.
            from_s: Time in the chunk from which on it is executed, in s.
        """
        fitted = [
            self._fitted(name, arm, chunk=chunk, start=start, from_s=from_s)
            for name, arm in self._robot.arms.items()
        ]
        chunks = [bounded.chunk for bounded in fitted]
        commanded = self._robot.output.commanded
        joints = np.concatenate([each.signals[commanded.name] for each in chunks], axis=1)
        together = replace(
            chunk,
            signals=_with_others(Signals((commanded,), (joints,)), chunk),
            curve=_common_curve(chunks, commanded.name),
            speed=min(each.speed for each in chunks),
        )
        count = max(bounded.projected_steps for bounded in fitted)
        return Bounded(chunk=together, projected_steps=count)

    def _fitted(
        self, name: str, arm: RobotConfig, chunk: Chunk, start: Array, from_s: float
    ) -> Bounded:
        signal = arm.output.signal
        wanted = chunk.signals[of_arm(name, signal.name)]
        own = replace(chunk, signals=Signals((signal,), (wanted,)))
        reach = self._reaches.get(name)
        try:
            if reach:
                return reach.fit(own, start[self._places[name]], from_s)
            if reason := refusal(own, signal, arm.limits):
                raise Unsolved(reason)
        except Unsolved as reason:
            raise Unsolved(f"arm {name}: {reason}") from None
        return Bounded(chunk=own, projected_steps=0)


def _reach(arm: RobotConfig, margin_m: float) -> Reach:
    if not arm.urdf:
        raise UserError(
            f"robot {arm.name} has no urdf, which output.kinematics and limits.points need: name "
            "the file of its description at the arm, or at the top of the robot file for all"
        )
    return Reach(arm, load_urdf(arm.urdf), margin_m)


def _with_others(signals: Signals, chunk: Chunk) -> Signals:
    """With the grippers, and the poses that some want to see."""
    for spec, values in chunk.signals.pairs():
        if spec.kind != JOINTS:
            signals = signals.with_signal(spec, values)
    return signals


def _common_curve(chunks: Sequence[Chunk], signal: str) -> Curve | None:
    """The ways of all arms through their steps, by the finest knots that one of them has; None
    where none has one of its own."""
    steps_s = [chunk.curve.step_s for chunk in chunks if chunk.curve]
    if not steps_s:
        return None
    first = chunks[0]
    length_s = (len(first) - 1) * first.step_ns / 1e9
    count = max(round(length_s / min(steps_s)), 1)
    times_s = np.linspace(0.0, length_s, count + 1)
    ways = [
        chunk.curve or Curve.through(LinearSpace(), chunk.signals[signal], chunk.step_ns / 1e9)
        for chunk in chunks
    ]
    knots = np.concatenate([way.at(times_s) for way in ways], axis=1)
    return Curve.through(LinearSpace(), knots, length_s / count)
