"""A robot file against the URDF of its arm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from groot_ros.errors import UserError
from groot_ros.robot.checking.finding import Finding
from groot_ros.robot.checking.units import WIDEST_M
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.forward_kinematics import LinkPoint
from groot_ros.robot.kinematics import (
    arm_kinematics,
    pose_kinematics,
    tool_kinematics,
    watched_points,
)
from groot_ros.robot.pose_stream import ComputedPose
from groot_ros.robot.urdf import SLIDING, Urdf, UrdfJoint

# Limits are written with fewer digits than those of a URDF.
ROUNDED = 1e-3
# A gripper's ends may stray from the URDF's so far, of their distance.
STRAY = 0.15


def description_findings(robot: RobotConfig, urdf: Urdf) -> Iterator[Finding]:
    """Names that the URDF does not have, limits that are not within its own."""
    try:
        if robot.joints:
            arm_kinematics(robot, urdf, [LinkPoint("arm", urdf.joint(robot.joints[-1]).child)])
        if robot.limits.points:
            watched_points(robot, urdf)
        if robot.output.kinematics:
            tool_kinematics(robot, urdf)
        if isinstance(pose := robot.observations.ee_pose, ComputedPose):
            pose_kinematics(robot, pose.link, urdf)
    except UserError as error:
        yield Finding("urdf", f"{error}")
        return
    joints = [urdf.joint(name) for name in robot.joints]
    yield from _order(joints, urdf)
    yield from _limits(robot, joints)
    yield from _grip(robot, urdf)


def _order(joints: Sequence[UrdfJoint], urdf: Urdf) -> Iterator[Finding]:
    names = [joint.name for joint in joints]
    chain = [joint.name for joint in urdf.chain(joints[-1].child)] if joints else []
    along = sorted(names, key=lambda name: len(urdf.chain(urdf.joint(name).child)))
    if along != names:
        yield Finding(
            "observations.joint_position.joints",
            f"are not in the order of the URDF, which is {', '.join(along)}: codecs and limits "
            "take them in the file's order",
            is_doubt=True,
        )
    elif not set(names) <= set(chain):
        yield Finding(
            "observations.joint_position.joints",
            "are not one chain of the URDF: of two arms each stands below `arms`",
            is_doubt=True,
        )


def _limits(robot: RobotConfig, joints: Sequence[UrdfJoint]) -> Iterator[Finding]:
    limits = robot.limits
    for key, end, side in (("joint_lower", "lower", -1), ("joint_upper", "upper", 1)):
        numbers = getattr(limits, key)
        if numbers is None:
            if any(getattr(joint, end) is not None for joint in joints):
                own = [getattr(joint, end) for joint in joints]
                yield Finding(f"limits.{key}", f"is missing, the URDF says {own}", is_doubt=True)
            continue
        for joint, number in zip(joints, numbers, strict=True):
            own_end = getattr(joint, end)
            if own_end is not None and side * (number - own_end) > ROUNDED:
                yield Finding(
                    f"limits.{key}",
                    f"is {number:g} for {joint.name}, beyond {own_end:g} of the URDF: set it to "
                    "that or less",
                )
    for joint, number in zip(joints, limits.joint_velocity or (), strict=False):
        if joint.velocity and number > joint.velocity + ROUNDED:
            yield Finding(
                "limits.joint_velocity",
                f"is {number:g} for {joint.name}, beyond {joint.velocity:g} of the URDF: set it "
                "to that or less",
            )


def _grip(robot: RobotConfig, urdf: Urdf) -> Iterator[Finding]:
    grip = robot.observations.grip
    joint = next((j for j in urdf.joints if grip and j.name == grip.joint), None)
    if grip is None or joint is None or joint.lower is None or joint.upper is None:
        return
    key = "observations.grip"
    margin = STRAY * (joint.upper - joint.lower) + ROUNDED
    for end in ("open", "closed"):
        number = getattr(grip, end)
        if not joint.lower - margin <= number <= joint.upper + margin:
            unit = "m" if joint.type in SLIDING else "rad"
            hint = ", it looks like mm" if unit == "m" and abs(number) > WIDEST_M else ""
            yield Finding(
                f"{key}.{end}",
                f"is {number:g}, outside {joint.lower:g} to {joint.upper:g} {unit} of {joint.name}"
                f" in the URDF{hint}: give what {grip.topic} says",
            )
    if joint.type in SLIDING and grip.open < grip.closed:
        yield Finding(
            f"{key}.open",
            f"is less than closed, but {joint.name} slides and fingers slide apart to open: swap "
            "open and closed if so",
            is_doubt=True,
        )
