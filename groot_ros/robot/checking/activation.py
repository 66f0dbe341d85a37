"""What a robot file must say before the executor moves the robot."""

from __future__ import annotations

from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.kinds import JOINTS


def check_activation(robot: RobotConfig) -> None:
    """UserError for a joint profile without limits of velocity and acceleration: nothing would
    bound how fast the arm goes; or with one of orientation, which nobody would keep."""
    if robot.arms and robot.output.commanded.kind != JOINTS:
        raise UserError(
            f"robot {robot.name}: output.profile is {robot.output.profile}, expected one of "
            "joints for several arms, which move as one: poses of chunks become joints by "
            "output.kinematics"
        )
    for arm in robot.each_arm:
        _check_arm(arm)


def _check_arm(robot: RobotConfig) -> None:
    if robot.output.commanded.kind != JOINTS:
        return
    if robot.limits.orientation:
        raise UserError(
            f"robot {robot.name}: limits.orientation is kept where poses are commanded, not with "
            f"output.profile {robot.output.profile}: remove it, or bound two points on the tool's "
            "axis (limits.points)"
        )
    keys = ("joint_velocity", "joint_acceleration")
    missing = [f"limits.{key}" for key in keys if getattr(robot.limits, key) is None]
    if missing:
        raise UserError(
            f"robot {robot.name}: {' and '.join(missing)} missing, which output.profile "
            f"{robot.output.profile} needs: set one number per joint, from the arm's data sheet"
        )


def check_single(robot: RobotConfig, what: str) -> None:
    """UserError for a robot of several arms, which something cannot do."""
    if robot.arms:
        raise UserError(
            f"robot {robot.name} has the arms {', '.join(robot.arms)}: {what} so far, name the "
            "file of a robot with one"
        )


def unwatched(robot: RobotConfig) -> str | None:
    """What to say of a robot whose joints nothing keeps off the table; None where something does,
    or where poses are commanded, which the workspace bounds."""
    names = [arm.name for arm in robot.each_arm if not arm.limits.points]
    if robot.output.commanded.kind != JOINTS or not names:
        return None
    return (
        f"robot {' and '.join(names)} has no limits.points: joints are commanded and nothing "
        "keeps the arm off the table; name its urdf, limits.workspace and limits.points such as "
        "the tool"
    )
