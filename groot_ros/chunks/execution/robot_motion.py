"""A chunk executor configured by a robot file: the same on the robot, in rehearsal and in
simulation."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.admission import Bounded
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.reach import Reach
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.together import ReachOfArms
from groot_ros.robot.commands import TRAJECTORY, GripCommand
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.limits import Limits
from groot_ros.signals.kinds import CLOSURE
from groot_ros.signals.signals import GRIP, of_arm

Array = NDArray[np.float64]

AnyReach = Reach | ReachOfArms

# Closures per second of a gripper in a trajectory whose robot file names none.
GRIP_SPEED = 2.0


def robot_executor(
    robot: RobotConfig,
    settings: ExecutionSettings,
    make: Callable[[Limits, ExecutionSettings], ChunkExecutor] = ChunkExecutor,
) -> ChunkExecutor:
    """The executor of a robot's chunks; the moving signal and the interpolation are taken from its
    file.

    Args:
        robot: The robot file.
        settings: All other settings.
        make: Class or factory of the executor.
    """
    settings = replace(
        settings,
        signal=robot.output.commanded,
        grips=tuple(of_arm(name, GRIP.name) for name in robot.arms) or (GRIP.name,),
        interpolated=robot.output.interpolated,
    )
    return make(limits_of(robot), settings)


def limits_of(robot: RobotConfig) -> Limits:
    """The robot's limits, with the gripper's speed where its commands are part of a trajectory; of
    several arms that of the slowest gripper."""
    limits = robot.limits
    if robot.arms:
        speeds = [limits_of(arm).grip_speed for arm in robot.arms.values()]
        known = [speed for speed in speeds if speed is not None]
        return replace(limits, grip_speed=min(known, default=None))
    grip = robot.commands.grip
    if limits.grip_speed is None and grip and (grip.is_of_arm or grip.type == TRAJECTORY):
        return replace(limits, grip_speed=GRIP_SPEED)
    return limits


def trajectory_grip(robot: RobotConfig) -> GripCommand | None:
    """The gripper command that is a joint of the arm's trajectory; None for any other gripper."""
    grip = robot.commands.grip
    return grip if grip and grip.is_of_arm and grip.type == TRAJECTORY else None


def begin_motion(
    motion: ChunkExecutor, reach: AnyReach | None, chunk: Chunk, measured: Array, now_ns: int
) -> None:
    """Start the executor at the measured value (V,) for a chunk that finds the robot at rest."""
    if reach:
        reach.begin(measured)
        motion.watch([reach.points] if reach.points else [])
    pairs = chunk.signals.pairs()
    closures = {spec.name: float(values[0]) for spec, values in pairs if spec.kind == CLOSURE}
    motion.start_from(measured, closures, now_ns)


def followed(robot: RobotConfig, reach: AnyReach | None, commanded: Array) -> dict[str, Array]:
    """The signals that chunks hold, by name, of a robot commanded to a value (V,)."""
    if isinstance(reach, ReachOfArms):
        arms = zip(robot.followed, robot.arms, strict=True)
        return {name: reach.followed_of(arm, commanded) for name, arm in arms}
    value = reach.followed(commanded) if reach else commanded
    return {robot.followed[0]: value}


def fit_ahead(
    motion: ChunkExecutor,
    guard: AbstractContextManager[object],
    clock: Callable[[], int],
    reach: AnyReach | None,
    bounded: Bounded,
) -> Bounded:
    """A chunk fitted to the arm from the state of the motion where it will be joined; Unsolved
    where it cannot be.

    `guard` is held while the executor is read, never during inverse kinematics.
    """
    chunk = bounded.chunk
    if reach is None:
        return bounded
    with guard:
        now_ns = clock()
        held = motion.held if motion.motion else None
        from_s = motion.consumed_s(chunk.stamp_ns, now_ns)
        is_void = motion.is_void(chunk, now_ns)
    if is_void or held is None:
        return bounded
    fitted = reach.fit(chunk, held, from_s)
    count = bounded.projected_steps + fitted.projected_steps
    return replace(fitted, projected_steps=min(count, len(chunk)))
