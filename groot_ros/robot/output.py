"""How the executor commands a robot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from groot_ros.robot.commands import Commands, read_grip_command
from groot_ros.robot.section import Section
from groot_ros.signals.signals import EE_POSE, JOINT_POSITION, SignalSpec

# Commands per second at least.
MIN_RATE_HZ = 1.0
# What the executor sends -> the command whose topic it needs.
OUTPUT_PROFILES = {
    "pose": "ee_pose",
    "twist": "twist",
    "joint_trajectory": "joint_position",
    "jtc_upsampling": "joint_position",
    "joint_stream": "joint_position",
}


@dataclass(frozen=True)
class ToolKinematics:
    """Where joints for a pose come from: the link at the tool center point; `urdf` is read where
    the file names none at its top."""

    tool: str
    urdf: str = ""


@dataclass(frozen=True)
class Output:
    """How the executor commands the robot: message profile and rate in Hz.

    With kinematics a profile of joints follows chunks of poses.
    """

    profile: str
    rate_hz: float
    kinematics: ToolKinematics | None = None

    @property
    def commanded(self) -> SignalSpec:
        """What moves the robot."""
        return EE_POSE if self.profile in ("pose", "twist") else JOINT_POSITION

    @property
    def signal(self) -> SignalSpec:
        """What chunks must hold."""
        return EE_POSE if self.kinematics else self.commanded


def read_rate_hz(section: Section, key: str) -> float:
    """Commands per second."""
    return section.number(key, "Hz", MIN_RATE_HZ, 1000.0)


def read_profile(section: Section) -> str:
    """A key of OUTPUT_PROFILES."""
    return section.choice("profile", tuple(OUTPUT_PROFILES))


def read_output(
    section: Section,
    commands: Commands,
    rate_hz: float | None = None,
    spanning: tuple[str, str] | None = None,
) -> tuple[Output, Commands]:
    """How the executor commands, and on which topics: those of `commands`, and what the output
    itself says of them.

    Of one of several arms the rate is said elsewhere, and so are profile and topic of an output
    that spans them.
    """
    kinematics = None
    if "kinematics" in section:
        part = section.section("kinematics")
        urdf = part.text("urdf", "the path of a URDF file") if "urdf" in part else ""
        kinematics = ToolKinematics(part.text("tool", "the link at the tool"), urdf)
        part.finish()
    output = Output(
        profile=spanning[0] if spanning else read_profile(section),
        rate_hz=read_rate_hz(section, "rate") if rate_hz is None else rate_hz,
        kinematics=kinematics,
    )
    topic = spanning[1] if spanning else ""
    if not spanning and "topic" in section:
        topic = section.topic("topic")
    if topic:
        name = OUTPUT_PROFILES[output.profile]
        if (other := getattr(commands, name)) not in (None, topic):
            raise section.error(
                "topic", f"is {topic}, but commands.{name} is {other}: say it in one place"
            )
        named: dict[str, Any] = {name: topic}
        commands = replace(commands, **named)
    if "grip" in section:
        if commands.grip:
            raise section.error("grip", "is there and commands.grip too: say it in one place")
        grip = read_grip_command(section.section("grip"))
        commands = replace(commands, grip=grip)
    section.finish()
    return output, commands
