"""The arm of a draft: its joints, base frame and pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.observation.signal_messages import JOINT_STATE, TRANSFORMS
from groot_ros.robot.drafting.robot_draft import RobotDraft
from groot_ros.robot.drafting.roles import (
    HAND_LINKS,
    POSES,
    has,
    is_command,
    is_grip_joint,
    is_state,
)
from groot_ros.robot.drafting.seen import SeenTopic
from groot_ros.robot.urdf import Urdf

JOINT_STATES = "/joint_states"
# A second chain of so many joints is another arm.
ARM_JOINTS = 4


def arm_joints(urdf: Urdf | None, names: Sequence[str]) -> list[str]:
    """The joints of the arm in their order from the base, of a URDF alone where no names are
    known; empty where nothing tells."""
    if urdf is None:
        return [name for name in names if not is_grip_joint(name)]
    chains = [_moving(urdf, link, names) for link in urdf.links]
    return max(chains, key=len, default=[])


def _moving(urdf: Urdf, link: str, names: Sequence[str]) -> list[str]:
    return [
        joint.name
        for joint in urdf.chain(link)
        if joint.is_moving
        and joint.mimic is None
        and not is_grip_joint(joint.name)
        and (not names or joint.name in names)
    ]


def other_arm(urdf: Urdf | None, names: Sequence[str], joints: Sequence[str]) -> list[str]:
    """Joints of a second arm; empty for none."""
    rest = [name for name in names if name not in joints and not is_grip_joint(name)]
    if urdf:
        chains = [_moving(urdf, link, rest) for link in urdf.links] if rest or not names else []
        rest = max(
            ([j for j in chain if j not in joints] for chain in chains), key=len, default=[]
        )
    return rest if len(rest) >= ARM_JOINTS else []


def hand_link(urdf: Urdf, joints: Sequence[str]) -> str:
    """The link at the tool: by its name, else the one that the last joint moves."""
    last = urdf.joint(joints[-1]).child
    below = [link for link in urdf.links if joints[-1] in [j.name for j in urdf.chain(link)]]
    fixed = [link for link in below if not any(is_grip_joint(j.name) for j in urdf.chain(link))]
    for word in HAND_LINKS:
        for link in sorted(fixed or below, key=len):
            if word in link.lower():
                return link
    return last


def draft_joints(draft: RobotDraft, seen: Sequence[SeenTopic], urdf: Urdf | None) -> list[str]:
    """Adds the arm's joints; the names of them."""
    topic = _joint_topic(seen)
    names = list(topic.numbers) if topic else []
    commanded = next((t.numbers for t in seen if t.type_name == TRAJECTORY and t.numbers), {})
    joints = arm_joints(urdf, names)
    key = "observations.joint_position"
    if topic:
        draft.see(f"{key}.topic", topic.name, f"{topic.rate_hz:.0f} Hz")
    else:
        draft.guess(f"{key}.topic", JOINT_STATES, "what joint_state_broadcaster publishes")
    ordered = [joint for joint in commanded if joint in joints]
    if urdf is None and len(ordered) >= ARM_JOINTS:
        draft.see(f"{key}.joints", ordered, "in the order of their trajectories")
        return ordered
    if not joints:
        draft.ask(f"{key}.joints", "the arm's joints, from its base to its tool: [a, b, c]")
    elif urdf:
        draft.see(f"{key}.joints", joints, "in the order of the URDF")
    else:
        joints = _one_arm(draft, joints)
        draft.guess(f"{key}.joints", joints, "in the order of the messages, base first is right")
    _name_other_states(draft, seen, topic)
    if others := other_arm(urdf, names, joints):
        draft.left_out.append(
            f"joints {', '.join(others)} seem to be another arm: this file is for one; of two "
            "arms each stands below `arms`, see config/robots/aloha.yaml"
        )
    return joints


def _name_other_states(
    draft: RobotDraft, seen: Sequence[SeenTopic], chosen: SeenTopic | None
) -> None:
    """Say that more than one topic tells of joints of an arm."""
    for topic in seen:
        is_other = topic is not chosen and topic.type_name == JOINT_STATE and is_state(topic)
        if chosen and is_other and _arm_size(topic) >= ARM_JOINTS:
            draft.left_out.append(
                f"{topic.name} tells of {_arm_size(topic)} joints too: of the same arm, or of "
                "another one; of two arms each stands below `arms`, see config/robots/aloha.yaml"
            )


def _arm_size(topic: SeenTopic) -> int:
    """How many joints of an arm it tells of."""
    return sum(not is_grip_joint(name) for name in topic.numbers)


def _one_arm(draft: RobotDraft, joints: list[str]) -> list[str]:
    sides = {side: [joint for joint in joints if side in joint] for side in ("left", "right")}
    if all(sides.values()):
        draft.left_out.append(f"joints {', '.join(sides['right'])}: this file is for one arm")
        return sides["left"]
    return joints


def _joint_topic(seen: Sequence[SeenTopic]) -> SeenTopic | None:
    """The one with most joints of an arm."""
    states = [topic for topic in seen if topic.type_name == JOINT_STATE and is_state(topic)]

    def size(topic: SeenTopic) -> tuple[int, int]:
        return _arm_size(topic), topic.count

    found = max(states, key=size, default=None)
    return found if found and size(found)[0] else None


def draft_pose(
    draft: RobotDraft, seen: Sequence[SeenTopic], urdf: Urdf | None, joints: Sequence[str]
) -> None:
    """Adds the base frame and where the hand is, where something tells."""
    key = "observations.ee_pose"
    parents = _parents(seen)
    if topic := _pose_topic(seen):
        if topic.frame:
            draft.see("base_frame", topic.frame, f"the frame of {topic.name}")
        else:
            draft.ask("base_frame", f"the frame that {topic.name} is in, which it does not say")
        draft.see(f"{key}.topic", topic.name, f"{topic.rate_hz:.0f} Hz")
    elif urdf and joints:
        base = urdf.joint(joints[0]).parent
        draft.guess("base_frame", base, "the link that holds the first joint")
        draft.guess(f"{key}.fk", hand_link(urdf, joints), "the link at the tool, by its name")
    elif (link := _hand_frame(parents)) and (root := _root(parents, link)):
        draft.guess("base_frame", root, "where the chain of transforms to the hand begins")
        draft.guess(f"{key}.tf", link, "the frame of the hand, by its name")
    else:
        draft.guess("base_frame", "base_link", "no message and no URDF names the arm's base")
        draft.left_out.append("observations.ee_pose: no topic, transform or URDF tells the pose")


def _pose_topic(seen: Sequence[SeenTopic]) -> SeenTopic | None:
    poses = [t for t in seen if t.type_name in POSES and is_state(t) and not is_command(t)]
    return max(
        poses, key=lambda t: (has(t.name, ("ee_pose", *HAND_LINKS, "pose")), t.count), default=None
    )


def _parents(seen: Sequence[SeenTopic]) -> dict[str, str]:
    return {
        child: parent
        for topic in seen
        if topic.type_name == TRANSFORMS
        for child, parent in topic.parents.items()
    }


def _hand_frame(parents: Mapping[str, str]) -> str:
    for word in HAND_LINKS:
        for frame in sorted(parents, key=len):
            if word in frame.lower() and "camera" not in frame.lower():
                return frame
    return ""


def _root(parents: Mapping[str, str], frame: str) -> str:
    """Where the chain to a frame begins: a frame called base, else the first one."""
    passed = [frame]
    while (above := parents.get(passed[-1])) and above not in passed:
        passed.append(above)
    based = [name for name in passed[1:] if "base" in name.lower() or name.endswith("link0")]
    return (based or passed[1:] or [""])[-1]
