"""Setpoints between two signals, and steps no longer than a robot's speed limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Setpoint
from groot_ros.geometry import interpolate_pose, rotation_angle
from groot_ros.robot import Limits

Array = NDArray[np.float64]


def blend(start: Setpoint, end: Setpoint, fraction: float) -> Setpoint:
    """Between two setpoints, eased so that the speed is that of `start` at 0 and of `end` at 1.

    Linear in position and joints, SLERP in rotation; the grip is that of `end`.
    """
    fraction = float(np.clip(fraction, 0.0, 1.0))
    weight = fraction * fraction * (3.0 - 2.0 * fraction)
    pose, joints = end.ee_pose, end.joint_position
    if pose is not None and start.ee_pose is not None:
        pose = interpolate_pose(start.ee_pose, pose, weight)
    if joints is not None and start.joint_position is not None:
        joints = (1.0 - weight) * start.joint_position + weight * joints
    return Setpoint(pose, joints, end.grip)


@dataclass(frozen=True)
class Jump:
    """Distance between two setpoints: m, rad, and rad per joint."""

    position_m: float
    rotation_rad: float
    joints_rad: tuple[float, ...]


def jump(start: Setpoint, end: Setpoint) -> Jump:
    """How far apart two setpoints are; zero for signals that one of them lacks."""
    position = rotation = 0.0
    joints: tuple[float, ...] = ()
    if start.ee_pose is not None and end.ee_pose is not None:
        position = float(np.linalg.norm(end.ee_pose[:3] - start.ee_pose[:3]))
        rotation = float(rotation_angle(start.ee_pose[3:], end.ee_pose[3:]))
    if start.joint_position is not None and end.joint_position is not None:
        joints = tuple(np.abs(end.joint_position - start.joint_position).tolist())
    return Jump(position, rotation, joints)


def limit_speed(start: Setpoint, end: Setpoint, limits: Limits, duration_s: float) -> Setpoint:
    """`end`, or the point on the way to it that is reached in `duration_s` within the limits."""
    distance = jump(start, end)
    ratios = [1.0]
    if limits.linear_velocity is not None:
        ratios.append(_ratio(limits.linear_velocity * duration_s, distance.position_m))
    if limits.angular_velocity is not None:
        ratios.append(_ratio(limits.angular_velocity * duration_s, distance.rotation_rad))
    if limits.joint_velocity is not None:
        for velocity, way in zip(limits.joint_velocity, distance.joints_rad, strict=False):
            ratios.append(_ratio(velocity * duration_s, way))
    fraction = min(ratios)
    if fraction >= 1.0:
        return end
    pose, joints = end.ee_pose, end.joint_position
    if pose is not None and start.ee_pose is not None:
        pose = interpolate_pose(start.ee_pose, pose, fraction)
    if joints is not None and start.joint_position is not None:
        joints = start.joint_position + fraction * (joints - start.joint_position)
    return Setpoint(pose, joints, end.grip)


def _ratio(allowed: float, distance: float) -> float:
    return 1.0 if distance <= allowed else allowed / distance
