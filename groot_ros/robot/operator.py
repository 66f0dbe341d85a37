"""How a person moves the robot by hand in place of the policy, and asks for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from groot_ros.files.typed import FileSection, Misfit, number, whole
from groot_ros.robot.labels import (
    OPERATOR,
    REACHED,
    GripLabel,
    GripLabelKeys,
    JointLabel,
    JointLabelKeys,
    PoseLabel,
    PoseLabelKeys,
)
from groot_ros.robot.observations import Observations
from groot_ros.robot.output import Output
from groot_ros.robot.topic import Topic
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


class ButtonKeys(FileSection, frozen=True, kw_only=True):
    """A button; see Button."""

    topic: Topic
    index: Annotated[int, whole(0, MOST_BUTTONS - 1)]

    @property
    def button(self) -> Button:
        return Button(topic=self.topic, index=self.index)


class OperatorKeys(FileSection, frozen=True, kw_only=True):
    """The section `operator` of an arm; see Operator."""

    joint_position: JointLabelKeys | None = None
    ee_pose: PoseLabelKeys | None = None
    grip: GripLabelKeys | None = None
    button: ButtonKeys | None = None
    moved: Annotated[float, number("rad, m or m/s", 0.0, 100.0)] = Operator.moved
    join_speed: Annotated[float, number("rad/s or m/s", 0.0, 100.0)] = Operator.join_speed

    def __post_init__(self) -> None:
        if self.grip and self.grip.type == REACHED:
            raise Misfit(f"is {REACHED}, expected the type of a topic", "grip.type")

    def operator(self, observations: Observations, output: Output, arm: str) -> Operator | None:
        """The operator of an arm, whose keys begin with `arm`; None where no device leads what the
        output commands."""
        joints, place = observations.joint_position, f"{arm}{OPERATOR}."
        motion: JointLabel | PoseLabel | None = None
        if output.signal == JOINT_POSITION and self.joint_position and joints:
            key = f"{place}{JOINT_POSITION.name}"
            motion = self.joint_position.label(key, joints.joints)
        if output.signal == EE_POSE and self.ee_pose:
            motion = self.ee_pose.label(f"{place}{EE_POSE.name}")
        if motion is None:
            return None
        return Operator(
            motion=motion,
            grip=self.grip.label(f"{place}{GRIP.name}") if self.grip else None,
            button=self.button.button if self.button else None,
            moved=self.moved,
            join_speed=self.join_speed,
        )
