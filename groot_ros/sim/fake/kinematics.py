"""The arm of a robot file as its URDF describes it, and a place in which it can rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groot_ros.robot.config import RobotConfig
from groot_ros.robot.forward_kinematics import LinkPoint
from groot_ros.robot.inverse_kinematics import InverseKinematics
from groot_ros.robot.kinematics import arm_kinematics, watched_points
from groot_ros.robot.urdf import Urdf

Array = NDArray[np.float64]

# Joints of a file without ranges, to both sides of 0.
RANGE_RAD = np.pi
# Places that are tried; how far from the middle of the ranges, in shares of them and at most.
TRIES, SPREAD, FARTHEST_RAD = 3000, 0.4, 1.5
# Inside a box by this share of it.
MARGIN = 0.1
DOWN = np.array([0.0, 0.0, -1.0])


def tool_link(robot: RobotConfig) -> str:
    """The link whose pose the robot tells: output.kinematics.tool, or the first of limits.points
    that is a link itself; empty where the file names none."""
    if robot.output.kinematics:
        return robot.output.kinematics.tool
    links = [point.link for point in robot.limits.points if not any(point.xyz)]
    return links[0] if links else ""


def fake_kinematics(robot: RobotConfig, urdf: Urdf) -> InverseKinematics | None:
    """Between joints and tool; None where the file does not say which link is the tool.

    UserError where the robot file names a joint or link that the URDF does not have.
    """
    link, joints = tool_link(robot), robot.observations.joint_position
    if not link or joints is None:
        return None
    lower, upper = joint_range(robot)
    return InverseKinematics(arm_kinematics(robot, urdf, [LinkPoint("tool", link)]), lower, upper)


def joint_range(robot: RobotConfig) -> tuple[Array, Array]:
    """Lowest and highest joint positions (J,) in rad."""
    joints, limits = robot.observations.joint_position, robot.limits
    count = len(joints.joints) if joints else 0
    lower = limits.joint_lower or (-RANGE_RAD,) * count
    upper = limits.joint_upper or (RANGE_RAD,) * count
    return np.array(lower), np.array(upper)


def resting_joints(robot: RobotConfig, urdf: Urdf, kinematics: InverseKinematics) -> Array | None:
    """Joints (J,) with the tool and all watched points inside their boxes, the tool pointing down
    in the middle of the workspace as far as may be; None where none were found."""
    lower, upper = joint_range(robot)
    reach = np.minimum(SPREAD * (upper - lower), FARTHEST_RAD)
    spread = np.random.default_rng(0).uniform(-1.0, 1.0, (TRIES, len(lower)))
    tries = (lower + upper) / 2 + reach * spread
    tools = kinematics.arm.frames(tries)[:, 0]
    limits, inside = robot.limits, np.ones(TRIES, dtype=bool)
    fitness = tools[:, :3, 2] @ DOWN
    if limits.workspace_min and limits.workspace_max:
        low, high = np.array(limits.workspace_min), np.array(limits.workspace_max)
        inside &= _inside(tools[:, :3, 3], limits.workspace_min, limits.workspace_max)
        aside = (tools[:, :3, 3] - (low + high) / 2) / (high - low)
        fitness = fitness - np.linalg.norm(aside, axis=1)
    if limits.points:
        frames = watched_points(robot, urdf).frames(tries)
        for index, point in enumerate(limits.points):
            inside &= _inside(frames[:, index, :3, 3], point.low, point.high)
    if not inside.any():
        return None
    return np.asarray(tries[np.argmax(np.where(inside, fitness, -np.inf))])


def _inside(places: Array, low: tuple[float, ...], high: tuple[float, ...]) -> NDArray[np.bool_]:
    lowest, highest = np.array(low), np.array(high)
    margin = MARGIN * (highest - lowest)
    inside: NDArray[np.bool_] = (places > lowest + margin) & (places < highest - margin)
    return np.asarray(inside.all(axis=1))
