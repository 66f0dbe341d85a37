"""A robot file for what was seen of a robot."""

from __future__ import annotations

import re
from collections.abc import Sequence

from groot_ros.robot.drafting.arm import draft_joints, draft_pose
from groot_ros.robot.drafting.bounds import draft_limits
from groot_ros.robot.drafting.camera_names import draft_cameras
from groot_ros.robot.drafting.commanding import draft_commands
from groot_ros.robot.drafting.gripper import draft_grip, draft_grip_command
from groot_ros.robot.drafting.robot_draft import RobotDraft
from groot_ros.robot.drafting.roles import is_own
from groot_ros.robot.drafting.seen import SeenTopic
from groot_ros.robot.urdf import Urdf

# As they stand in a robot file.
ORDER = ("robot", "untested", "base_frame", "urdf", "observations", "labels", "commands", "limits")


def draft_robot(
    name: str, seen: Sequence[SeenTopic], urdf: Urdf | None = None, urdf_path: str = ""
) -> RobotDraft:
    """What topics and a URDF tell of an arm; `urdf_path` is how the file names the URDF."""
    topics = sorted((t for t in seen if not is_own(t)), key=lambda topic: topic.name)
    draft = RobotDraft(name)
    draft.see("robot", re.sub(r"\W+", "_", name).strip("_") or "mine")
    draft.see("untested", True, "until `groot-ros robot check --wiggle` has moved the arm")
    if urdf_path:
        draft.see("urdf", urdf_path)
    joints = draft_joints(draft, topics, urdf)
    draft_pose(draft, topics, urdf, joints)
    told = draft_grip(draft, topics, urdf)
    draft_cameras(draft, topics)
    where = draft_commands(draft, topics, joints)
    draft_grip_command(draft, topics, told, where)
    draft_limits(draft, topics, urdf, joints)
    _order(draft)
    return draft


def _order(draft: RobotDraft) -> None:
    def place(key: str) -> int:
        top = key.partition(".")[0]
        return ORDER.index(top) if top in ORDER else len(ORDER)

    draft.entries = {key: draft.entries[key] for key in sorted(draft.entries, key=place)}
