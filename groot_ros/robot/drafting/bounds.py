"""Limits of a draft: those of the URDF, and slow ones where nothing tells."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from groot_ros.robot.drafting.robot_draft import RobotDraft
from groot_ros.robot.drafting.roles import POSES, is_state
from groot_ros.robot.drafting.seen import AXES, SeenTopic
from groot_ros.robot.output import OUTPUT_PROFILES
from groot_ros.robot.urdf import Urdf
from groot_ros.signals.signals import EE_POSE

# Slow on purpose: a person who knows the arm raises them.
JOINT_VELOCITY, JOINT_ACCELERATION = 0.5, 2.0
SLOW = "slow on purpose; take those of the arm's data sheet"
# 0.25 m/s is the speed of a robot that is moved with people near it (ISO 10218-1).
CARTESIAN: Mapping[str, float] = {
    "linear_velocity": 0.25,
    "angular_velocity": 0.75,
    "linear_acceleration": 1.0,
    "angular_acceleration": 3.0,
}
MARGIN_M = 0.05


def draft_limits(
    draft: RobotDraft, seen: Sequence[SeenTopic], urdf: Urdf | None, joints: Sequence[str]
) -> None:
    """Adds the workspace that was used, velocities, accelerations and ranges."""
    _draft_workspace(draft, seen)
    profile = draft.entries["output.profile"].value
    if OUTPUT_PROFILES[profile].moves == EE_POSE:
        for key, value in CARTESIAN.items():
            draft.guess(f"limits.{key}", value, SLOW)
    if joints:
        _draft_joints(draft, urdf, joints)


def _draft_workspace(draft: RobotDraft, seen: Sequence[SeenTopic]) -> None:
    key, topic = "limits.workspace", draft.entries.get("observations.ee_pose.topic")
    for pose in seen:
        if topic and pose.name == topic.value and pose.type_name in POSES and is_state(pose):
            ranges = [pose.range(axis) for axis in AXES]
            if all(ranges):
                low = [round(r[0] - MARGIN_M, 2) for r in ranges if r]
                high = [round(r[1] + MARGIN_M, 2) for r in ranges if r]
                draft.guess(f"{key}.min", low, f"where the hand was, and {MARGIN_M:g} m around")
                draft.guess(f"{key}.max", high, "the other corner")
                return
    draft.left_out.append(
        "limits.workspace: where the hand may be, min and max [x, y, z] in m in the base frame; "
        "with the URDF and limits.points it keeps the arm off the table"
    )


def _draft_joints(draft: RobotDraft, urdf: Urdf | None, joints: Sequence[str]) -> None:
    found = [joint for joint in urdf.joints if joint.name in joints] if urdf else []
    by_name = {joint.name: joint for joint in found}
    described = [by_name[name] for name in joints if name in by_name]
    if len(described) == len(joints) and all(_has_range(j.lower, j.upper) for j in described):
        draft.see("limits.joint_lower", [_inside(j.lower, 1) for j in described], "of the URDF")
        draft.see("limits.joint_upper", [_inside(j.upper, -1) for j in described], "of the URDF")
    else:
        draft.left_out.append("limits.joint_lower and joint_upper: no URDF tells all of them")
    speeds = [joint.velocity for joint in described]
    if len(speeds) == len(joints) and all(speeds):
        draft.see("limits.joint_velocity", [_inside(s, -1) for s in speeds], "of the URDF")
    else:
        draft.guess("limits.joint_velocity", [JOINT_VELOCITY] * len(joints), SLOW)
    draft.guess("limits.joint_acceleration", [JOINT_ACCELERATION] * len(joints), SLOW)


def _has_range(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low < high


def _inside(value: float | None, side: int) -> float:
    """Four digits, rounded to the inside of the range."""
    number = (value or 0.0) * 1e4
    return (math.ceil(number - 1e-6) if side > 0 else math.floor(number + 1e-6)) / 1e4
