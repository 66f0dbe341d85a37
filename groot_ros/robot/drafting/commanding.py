"""How the arm of a draft is commanded, and what a demonstrator's commands are."""

from __future__ import annotations

from collections.abc import Sequence

from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.observation.signal_messages import FLOATS, JOINT_STATE, POSE, TWIST_STAMPED
from groot_ros.robot.drafting.robot_draft import RobotDraft
from groot_ros.robot.drafting.roles import GRIP_TOPIC, has, is_command, is_of_leader, is_own
from groot_ros.robot.drafting.seen import SeenTopic

POSE_RATE_HZ, TRAJECTORY_RATE_HZ = 100, 50
# Profiles by the type of their topic, and the keys of `commands`, in the order in which they are
# taken where a robot has several.
PROFILES = {
    POSE: ("pose", "ee_pose", POSE_RATE_HZ),
    TRAJECTORY: ("joint_trajectory", "joint_position", TRAJECTORY_RATE_HZ),
    FLOATS: ("joint_stream", "joint_position", POSE_RATE_HZ),
    TWIST_STAMPED: ("twist", "twist", POSE_RATE_HZ),
}


def draft_commands(draft: RobotDraft, seen: Sequence[SeenTopic], joints: Sequence[str]) -> str:
    """Adds labels, commands and output of the arm; where the gripper's command belongs, output or
    commands."""
    leader = _leader(seen, joints)
    found = _commands(draft, seen, joints)
    if leader:
        key = "labels.joint_position"
        draft.see(f"{key}.topic", leader.name, "what the leader arm shows")
        names = [name for name in leader.numbers if name in joints]
        if len(names) < len(joints):
            theirs = list(leader.numbers)[: len(joints)]
            draft.guess(f"{key}.joints", theirs, "its joints in the order of the arm's")
    where = "output" if leader else "commands"
    main = next(iter(found), None)
    if main is None:
        _ask_output(draft)
        return where
    if not leader:
        for kind in dict.fromkeys(PROFILES[kind][1] for kind in found):
            topic = next(found[k] for k in found if PROFILES[k][1] == kind)
            draft.see(f"commands.{kind}.topic", topic.name, _how_often(topic))
    profile, _, rate_hz = PROFILES[main]
    draft.see("output.profile", profile, f"{found[main].name} is {main}")
    if leader:
        draft.see("output.topic", found[main].name)
    draft.guess("output.rate", rate_hz, "commands per second")
    return where


def _how_often(topic: SeenTopic) -> str:
    return f"{topic.rate_hz:.0f} Hz" if topic.rate_hz else "nobody has sent yet"


def _ask_output(draft: RobotDraft) -> None:
    draft.guess("output.profile", "joint_trajectory", "no command was seen")
    draft.ask("output.topic", "the topic on which the arm's controller takes trajectories")
    draft.guess("output.rate", TRAJECTORY_RATE_HZ, "commands per second")


def _leader(seen: Sequence[SeenTopic], joints: Sequence[str]) -> SeenTopic | None:
    leaders = [t for t in seen if t.type_name == JOINT_STATE and is_of_leader(t)]
    fitting = [t for t in leaders if len(t.numbers) >= len(joints) > 0]
    return max(fitting, key=lambda topic: topic.count, default=None)


def _commands(
    draft: RobotDraft, seen: Sequence[SeenTopic], joints: Sequence[str]
) -> dict[str, SeenTopic]:
    """Topics on which the arm is commanded by type, those of profiles that are taken first at
    first."""
    has_pose = "observations.ee_pose.topic" in draft.entries or "base_frame" in draft.entries
    found: dict[str, SeenTopic] = {}
    for kind in PROFILES:
        topics = [t for t in seen if t.type_name == kind and _is_of_arm(t, joints)]
        if not topics or (kind in (POSE, TWIST_STAMPED) and not has_pose):
            continue
        found[kind] = max(topics, key=lambda topic: topic.count)
        others = [t.name for t in topics if t is not found[kind]]
        if others:
            draft.left_out.append(f"{', '.join(others)}: {found[kind].name} is of the same type")
    return found


def _is_of_arm(topic: SeenTopic, joints: Sequence[str]) -> bool:
    if is_own(topic) or has(topic.name, GRIP_TOPIC) or not is_command(topic):
        return False
    if topic.type_name == TRAJECTORY and topic.numbers:
        return bool(set(topic.numbers) & set(joints))
    if topic.type_name == FLOATS and topic.numbers:
        return len(topic.numbers) == len(joints)
    return not is_of_leader(topic)
