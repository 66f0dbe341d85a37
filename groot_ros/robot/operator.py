"""How a person moves the robot by hand in place of the policy, and asks for that."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.robot.labels import (
    REACHED,
    GripLabel,
    JointLabel,
    PoseLabel,
    read_grip_label,
    read_joint_label,
    read_pose_label,
)
from groot_ros.robot.observations import Observations
from groot_ros.robot.output import Output
from groot_ros.robot.section import Section
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION

MOST_BUTTONS = 64


@dataclass(frozen=True, kw_only=True)
class Button:
    """A button of sensor_msgs/Joy, counted from 0: pressed once it takes over, once more it hands
    back."""

    topic: str
    index: int


@dataclass(frozen=True, kw_only=True)
class Operator:
    """The device with which a person moves the arm in place of the policy.

    Its topics have the keys of the labels: `joint_position` of a leader, whose joints the arm goes
    to, or `ee_pose`, poses or twists by which the hand moves from where it is; of both the one
    counts that chunks hold, as output asks for. Where no type is said it is joint_state, pose and
    float. Besides the services of the executor a `button` takes over, and with `moved` the device
    itself, when it has moved by more (m of a pose, m/s of a twist, rad or m of a joint; 0, the
    default: never). An arm goes to a leader that is elsewhere at `join_speed` (rad/s or m/s, 0.3
    where nothing is said); with 0 it waits until the leader has come to it.
    """

    motion: JointLabel | PoseLabel
    grip: GripLabel | None = None
    button: Button | None = None
    moved: float = 0.0
    join_speed: float = 0.3


def read_operator(section: Section, observations: Observations, output: Output) -> Operator | None:
    """The section `operator` of an arm; None where it leads nothing that the output asks for."""
    joints, motions = observations.joint_position, dict[str, JointLabel | PoseLabel]()
    if JOINT_POSITION.name in section and joints:
        part = section.section(JOINT_POSITION.name)
        motions[JOINT_POSITION.name] = read_joint_label(part, joints.joints)
    if EE_POSE.name in section:
        motions[EE_POSE.name] = read_pose_label(section.section(EE_POSE.name))
    grip = read_grip_label(section.section(GRIP.name)) if GRIP.name in section else None
    if grip and grip.type == REACHED:
        raise section.error("grip.type", f"is {REACHED}, expected the type of a topic")
    button = _button(section.section("button")) if "button" in section else None
    moved = _number(section, "moved", "rad, m or m/s", Operator.moved)
    join_speed = _number(section, "join_speed", "rad/s or m/s", Operator.join_speed)
    section.finish()
    motion = motions.get(output.signal.name)
    if motion is None:
        return None
    return Operator(motion=motion, grip=grip, button=button, moved=moved, join_speed=join_speed)


def _number(section: Section, key: str, unit: str, missing: float) -> float:
    return section.number(key, unit, 0.0, 100.0) if key in section else missing


def _button(section: Section) -> Button:
    button = Button(
        topic=section.topic("topic"), index=section.integer("index", 0, MOST_BUTTONS - 1)
    )
    section.finish()
    return button
