"""The gripper of a draft: where its opening is told, how it is commanded, which end is open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.observation.signal_messages import JOINT_STATE
from groot_ros.robot.drafting.robot_draft import RobotDraft
from groot_ros.robot.drafting.roles import (
    ACTION_FEEDBACK,
    CLOSING,
    GRIP_COMMANDS,
    GRIP_TOPIC,
    GRIPPER_FEEDBACK,
    NUMBERS,
    has,
    is_command,
    is_grip_joint,
    is_of_leader,
    is_own,
    is_state,
)
from groot_ros.robot.drafting.seen import SeenTopic
from groot_ros.robot.urdf import Urdf

# A range that is smaller than this part of the whole was no motion of the gripper.
MOVED = 0.05
DIGITS = 4
Series = Sequence[tuple[int, float]]


def draft_grip(draft: RobotDraft, seen: Sequence[SeenTopic], urdf: Urdf | None) -> Series:
    """Adds where the gripper's opening is told; its numbers, none where there is no gripper."""
    key = "observations.grip"
    topic, joint = _told(seen)
    if topic is None:
        joint = next((j.name for j in urdf.joints if _is_finger(urdf, j.name)), "") if urdf else ""
        if not joint:
            draft.left_out.append("observations.grip: no gripper was seen")
            return ()
        draft.guess(f"{key}.topic", "/joint_states", "where the arm's joints are told")
    else:
        draft.see(f"{key}.topic", topic.name, f"{topic.rate_hz:.0f} Hz")
    if joint:
        draft.see(f"{key}.joint", joint)
    _draft_ends(draft, key, name=joint or (topic.name if topic else ""), topic=topic, urdf=urdf)
    return topic.numbers.get(joint or "0", ()) if topic else ()


def _is_finger(urdf: Urdf, name: str) -> bool:
    joint = urdf.joint(name)
    return joint.is_moving and joint.mimic is None and is_grip_joint(name)


def _told(seen: Sequence[SeenTopic]) -> tuple[SeenTopic | None, str]:
    """The topic and the joint that tell a gripper's opening."""
    for topic in seen:
        if topic.type_name == JOINT_STATE and is_state(topic):
            for name in topic.numbers:
                if is_grip_joint(name):
                    return topic, name
    for topic in seen:
        if topic.type_name in NUMBERS and has(topic.name, GRIP_TOPIC) and is_state(topic):
            return topic, ""
    return None, ""


def _draft_ends(
    draft: RobotDraft, key: str, name: str, topic: SeenTopic | None, urdf: Urdf | None
) -> None:
    """Which numbers are open and closed: the ends of the URDF, which a gripper that closes on
    things never reaches, else those that were seen."""
    found = topic.range(name if name in topic.numbers else "0") if topic else None
    limits = _limits(urdf, name)
    low, high = limits or found or (0.0, 0.0)
    if found:
        low, high = min(low, found[0]), max(high, found[1])
    seen = f"seen from {found[0]:.4g} to {found[1]:.4g}" if found else "not seen"
    if high - low < 1e-6:
        draft.ask(f"{key}.open", f"its number when the gripper is open ({seen})")
        draft.ask(f"{key}.closed", f"its number when the gripper is closed ({seen})")
        return
    if limits is None and found and found[1] - found[0] < MOVED * max(map(abs, found)):
        seen += ", which is hardly a motion"
    ends = (low, high) if has(name, CLOSING) else (high, low)
    opened, closed = (round(end, DIGITS) for end in ends)
    whose = "of the URDF" if limits else "that was seen, less than its range if it held something"
    draft.guess(f"{key}.open", opened, f"an end {whose}, {seen}; swap both if reversed")
    draft.guess(f"{key}.closed", closed, f"the other end {whose}")


def _limits(urdf: Urdf | None, name: str) -> tuple[float, float] | None:
    joint = next((j for j in urdf.joints if j.name == name), None) if urdf else None
    if joint is None or joint.lower is None or joint.upper is None or joint.lower >= joint.upper:
        return None
    return joint.lower, joint.upper


def draft_grip_command(
    draft: RobotDraft, seen: Sequence[SeenTopic], told: Series, arm_key: str
) -> None:
    """Adds how the gripper is commanded, and a leader's gripper as label; `arm_key` is the place
    of the arm's own topic, output or commands."""
    key = f"{arm_key}.grip"
    leader = next(
        (
            (topic, joint)
            for topic in seen
            if topic.type_name == JOINT_STATE and is_of_leader(topic)
            for joint in topic.numbers
            if is_grip_joint(joint)
        ),
        None,
    )
    if leader:
        topic, joint = leader
        draft.see("labels.grip.topic", topic.name, "what the leader arm shows")
        draft.see("labels.grip.joint", joint)
        _draft_command_ends(draft, "labels.grip", topic.numbers[joint], told)
    commands = [t for t in seen if has(t.name, GRIP_TOPIC) and not is_own(t) and is_command(t)]
    numbers = next((t for t in commands if t.type_name in GRIP_COMMANDS), None)
    action = next((t for t in seen if t.name.endswith(ACTION_FEEDBACK) and _is_gripper(t)), None)
    trajectory = next((t for t in commands if t.type_name == TRAJECTORY), None)
    if numbers:
        draft.see(f"{key}.topic", numbers.name)
        draft.see(f"{key}.type", GRIP_COMMANDS[numbers.type_name])
        _draft_command_ends(draft, key, numbers.numbers.get("0", ()), told)
    elif action:
        draft.see(f"{key}.topic", action.name.removesuffix(ACTION_FEEDBACK), "an action")
        draft.see(f"{key}.type", "gripper_command")
        _draft_command_ends(draft, key, (), told)
    elif trajectory:
        joint = next(iter(trajectory.numbers), "")
        draft.see(f"{key}.topic", trajectory.name)
        draft.see(f"{key}.type", "trajectory")
        if joint:
            draft.see(f"{key}.joint", joint)
        else:
            draft.ask(f"{key}.joint", "the gripper's joint in these trajectories")
        _draft_command_ends(draft, key, trajectory.numbers.get(joint, ()), told)
    elif told or "observations.grip.topic" in draft.entries:
        draft.left_out.append(f"{key}: no topic was seen on which the gripper is commanded")


def _is_gripper(topic: SeenTopic) -> bool:
    return topic.type_name == GRIPPER_FEEDBACK and has(topic.name, GRIP_TOPIC)


def _draft_command_ends(draft: RobotDraft, key: str, sent: Series, told: Series) -> None:
    """Which commands open and close: those of the observation where they are of its range, else
    what moved together with it."""
    opened = draft.entries.get("observations.grip.open")
    closed = draft.entries.get("observations.grip.closed")
    known = [e.value for e in (opened, closed) if e and isinstance(e.value, int | float)]
    values = [value for _, value in sent]
    if len(known) == 2 and (not values or _covers(known, values)):
        note = "like observations.grip" if values else "like observations.grip, nothing was sent"
        draft.guess(f"{key}.open", known[0], note)
        draft.guess(f"{key}.closed", known[1], note)
        return
    if not values or max(values) - min(values) < 1e-6:
        draft.ask(f"{key}.open", "the command that opens the gripper")
        draft.ask(f"{key}.closed", "the command that closes the gripper")
        return
    low, high = round(min(values), DIGITS), round(max(values), DIGITS)
    grows = _together(sent, told)
    closes_up = len(known) == 2 and known[1] > known[0]
    if grows == 0 or len(known) < 2:
        why = f"seen from {low:g} to {high:g}; swap both if reversed"
        ends = (low, high)
    else:
        why = f"seen from {low:g} to {high:g}, by how observations.grip moved with it"
        ends = (low, high) if (grows > 0) == closes_up else (high, low)
    draft.guess(f"{key}.open", ends[0], why)
    draft.guess(f"{key}.closed", ends[1], why)


def _covers(known: Sequence[float], values: Sequence[float]) -> bool:
    """Whether commands are numbers of the same range as the measured ones."""
    low, high = min(known), max(known)
    margin = 0.1 * (high - low)
    spread = max(values) - min(values)
    return low - margin <= min(values) and max(values) <= high + margin and spread > margin


def _together(sent: Series, told: Series) -> int:
    """1 where what was told grew with what was sent, -1 where it shrank, 0: neither is clear."""
    if len(sent) < 2 or len(told) < 2:
        return 0
    times, values = np.array(told, dtype=np.float64).T
    sent_times, sent_values = np.array(sent, dtype=np.float64).T
    at = np.clip(np.searchsorted(sent_times, times, side="right") - 1, 0, None)
    held = sent_values[at]
    if np.ptp(held) == 0 or np.ptp(values) == 0:
        return 0
    found = float(np.corrcoef(held, values)[0, 1])
    return int(np.sign(found)) if abs(found) > 0.2 else 0
