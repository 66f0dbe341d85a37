"""Of which link the poses of a robot are, and those of a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.codecs.keys import FILL_IN
from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.urdf import load_urdf


def pose_link(robot: RobotConfig, signal: str) -> str:
    """The link whose pose a signal is, as the robot file says; empty where it does not."""
    observed = robot.observations.signals
    told = robot.observations.spec(signal).link if signal in observed else ""
    kinematics = robot.arm_of(signal).output.kinematics
    return told or (kinematics.tool if kinematics else "")


@dataclass(frozen=True, kw_only=True)
class PoseFrame:
    """Which frame the poses of a checkpoint are of: turned by `quat_wxyz` in a link.

    `links` are the names of that link in descriptions of robots, `words` say which it is.
    """

    links: tuple[str, ...]
    quat_wxyz: tuple[float, ...]
    words: str

    def link_of(self, robot: RobotConfig | None) -> str:
        """What the robot's URDF calls the link; FILL_IN where it does not have it.

        Without a robot the first of the names.
        """
        if robot is None:
            return self.links[0]
        try:
            known = load_urdf(robot.urdf).links if robot.urdf else ()
        except UserError:
            known = ()
        return next((link for link in self.links if link in known), FILL_IN)
