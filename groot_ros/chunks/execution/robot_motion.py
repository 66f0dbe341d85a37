"""The execution of chunks as a robot's file asks for it: on the robot, rehearsed and simulated."""

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
    """What executes the chunks of a robot; signal and interpolation are those of its file."""
    settings = replace(
        settings,
        signal=robot.output.commanded,
        grips=tuple(of_arm(name, GRIP.name) for name in robot.arms) or (GRIP.name,),
        interpolated=robot.output.interpolated,
    )
    return make(limits_of(robot), settings)


def limits_of(robot: RobotConfig) -> Limits:
    """The robot's limits; a gripper in a trajectory or the arm's own messages has a speed, the
    grippers of several arms that of the slowest."""
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
    """The gripper that is a joint of the arm's trajectory, None for any other."""
    grip = robot.commands.grip
    return grip if grip and grip.is_of_arm and grip.type == TRAJECTORY else None


def begin_motion(
    motion: ChunkExecutor, reach: AnyReach | None, chunk: Chunk, measured: Array, now_ns: int
) -> None:
    """A chunk comes to a robot at rest: the motion begins where that is measured (V,)."""
    if reach:
        reach.begin(measured)
        motion.watch([reach.points] if reach.points else [])
    pairs = chunk.signals.pairs()
    closures = {spec.name: float(values[0]) for spec, values in pairs if spec.kind == CLOSURE}
    motion.start_from(measured, closures, now_ns)


def followed(robot: RobotConfig, reach: AnyReach | None, commanded: Array) -> dict[str, Array]:
    """What chunks hold of each arm by the name of the signal, where the robot is commanded to a
    value (V,)."""
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
    """A chunk as the arm can execute it from where the motion is; Unsolved where it cannot.

    `guard` is held while the executor is looked at, never while joints are computed.
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
