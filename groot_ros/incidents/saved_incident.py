"""An incident as it is replayed: read from its folder, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.together import AnyBorders, places_of, robot_borders
from groot_ros.chunks.limits.arm_points import ArmPoints, arm_points
from groot_ros.chunks.limits.watched_points import WatchedPoints
from groot_ros.errors import UserError
from groot_ros.incidents.incident import INFO, RECORDING, REMEDY, ROBOT, URDF, Incident
from groot_ros.incidents.recording_file import read_recording
from groot_ros.incidents.tape import Recording
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.robot.kinematics import watched_points
from groot_ros.robot.urdf import load_urdf


@dataclass(frozen=True)
class SavedIncident:
    """What was recorded, and the robot file of then; `path` is the folder, a bag."""

    path: Path
    incident: Incident
    robot: RobotConfig
    recording: Recording

    @classmethod
    def read(cls, path: Path) -> SavedIncident:
        """The incident in a folder; UserError where there is none that can be replayed."""
        incident = Incident.read(path)
        robot = load_robot(path / ROBOT)
        if (path / URDF).is_file():
            robot = replace(robot, urdf=str(path / URDF))
        return cls(path, incident, robot, read_recording(path / RECORDING, _points(robot)))

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def event_ns(self) -> int:
        """When it happened."""
        events = self.incident.events
        return events[0].time_ns if events else self.incident.ended_ns

    def settings(self, robot: RobotConfig) -> ExecutionSettings:
        """How the executor was asked to execute, with a robot file."""
        rate_hz = self._number("command_rate") or robot.output.rate_hz
        return ExecutionSettings(
            strategy=str(self.incident.parameters.get("strategy", "latest")),
            blend_s=self._number("blend"),
            watchdog_s=self.watchdog_s,
            rejected_in_row=round(self._number("rejected_in_row")),
            period_s=1.0 / rate_hz,
        )

    def borders(self, robot: RobotConfig) -> AnyBorders:
        """What it let pass of a chunk, with a robot file."""
        return robot_borders(
            robot, self._number("longest_chunk"), self._number("workspace_margin")
        )

    @property
    def watchdog_s(self) -> float:
        return self._number("watchdog")

    def _number(self, name: str) -> float:
        value: Any = self.incident.parameters.get(name)
        if not isinstance(value, int | float):
            raise UserError(f"{self.path / INFO} is damaged (parameter {name}): {REMEDY}")
        return float(value)

    def check(self, robot: RobotConfig) -> None:
        """UserError for the file of a robot that cannot have done this."""
        ours, theirs = _kind(self.robot), _kind(robot)
        for what, mine in ours.items():
            if theirs[what] != mine:
                raise UserError(
                    f"robot file {robot.name} does not fit the incident: its {what} is "
                    f"{theirs[what]}, there it was {mine}"
                )


def _kind(robot: RobotConfig) -> dict[str, str]:
    """What robot files share whose limits can be compared."""
    return {
        "base_frame": robot.base_frame,
        "commanded signal (output.profile)": robot.output.commanded.name,
        "signal of the chunks": " ".join(robot.followed),
        "joints": " ".join(robot.joints) or "none",
    }


def _points(robot: RobotConfig) -> WatchedPoints | ArmPoints | None:
    if robot.arms:
        return arm_points(robot, places_of(robot))
    points = robot.limits.points
    if not points or not robot.urdf:
        return None
    return WatchedPoints(watched_points(robot, load_urdf(robot.urdf)), points)
