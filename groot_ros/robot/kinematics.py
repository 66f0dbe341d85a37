"""The arm of a robot file: its watched points by forward kinematics of its URDF."""

from __future__ import annotations

from collections.abc import Sequence

from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.forward_kinematics import ForwardKinematics, LinkPoint
from groot_ros.robot.urdf import Urdf, nearest


def arm_kinematics(
    robot: RobotConfig, urdf: Urdf, points: Sequence[LinkPoint]
) -> ForwardKinematics:
    """Points of the robot's arm in its base frame; the gripper is held open, where fingers reach
    farthest.

    UserError where the robot file names a joint or link that the URDF does not have.
    """
    joints = robot.observations.joint_position
    if joints is None:
        raise UserError(f"robot {robot.name}: observations.joint_position is missing")
    known = [joint.name for joint in urdf.joints]
    for name in joints.joints:
        if name not in known:
            raise _unknown(robot, "observations.joint_position.joints", name, known)
    if robot.base_frame not in urdf.links:
        raise _unknown(robot, "base_frame", robot.base_frame, urdf.links)
    grip = robot.observations.grip
    held = {grip.joint: grip.open} if grip and grip.joint in known else {}
    return ForwardKinematics(
        urdf, joints.joints, base_frame=robot.base_frame, points=points, held=held
    )


def watched_points(robot: RobotConfig, urdf: Urdf) -> ForwardKinematics:
    """`limits.points` of a robot file; UserError names the key of a link that the URDF lacks."""
    for point in robot.limits.points:
        if point.link not in urdf.links:
            raise _unknown(robot, f"limits.points.{point.name}.link", point.link, urdf.links)
    return arm_kinematics(robot, urdf, robot.limits.points)


def tool_kinematics(robot: RobotConfig, urdf: Urdf) -> ForwardKinematics:
    """The link whose poses the robot's chunks hold, `output.kinematics.tool`."""
    assert robot.output.kinematics, "the robot file has the section output.kinematics"
    tool = robot.output.kinematics.tool
    if tool not in urdf.links:
        raise _unknown(robot, "output.kinematics.tool", tool, urdf.links)
    return arm_kinematics(robot, urdf, [LinkPoint("tool", tool)])


def pose_kinematics(robot: RobotConfig, link: str, urdf: Urdf) -> ForwardKinematics:
    """The link whose pose the joints tell, `observations.ee_pose.fk`; UserError where the URDF
    does not have it."""
    if link not in urdf.links:
        raise _unknown(robot, "observations.ee_pose.fk", link, urdf.links)
    return arm_kinematics(robot, urdf, [LinkPoint("hand", link)])


def _unknown(robot: RobotConfig, key: str, name: str, names: Sequence[str]) -> UserError:
    return UserError(
        f"robot {robot.name}: {key} names {name!r}, which the URDF does not have; "
        f"{nearest(name, names)}"
    )
