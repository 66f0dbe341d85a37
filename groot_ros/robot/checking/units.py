"""Numbers of a robot file that look as if they were in another unit."""

from __future__ import annotations

import math
from collections.abc import Iterator

from groot_ros.robot.checking.finding import Finding
from groot_ros.robot.config import RobotConfig

# Two turns: no joint of an arm has a wider range to one side.
MOST_RAD = 4.0 * math.pi
FASTEST_RAD_S = 30.0
FARTHEST_M = 10.0
FASTEST_M_S = 10.0
LATEST_S = 1.0
# Widths of grippers in m are less.
WIDEST_M = 0.5


def unit_findings(robot: RobotConfig) -> Iterator[Finding]:
    """Degrees, millimetres and milliseconds in the place of rad, m and s."""
    limits = robot.limits
    for name, largest in (("lower", MOST_RAD), ("upper", MOST_RAD), ("velocity", FASTEST_RAD_S)):
        numbers = getattr(limits, f"joint_{name}") or ()
        if numbers and max(map(abs, numbers)) > largest:
            unit = "rad" + ("/s" if name == "velocity" else "")
            yield Finding(
                f"limits.joint_{name}",
                f"goes to {max(numbers, key=abs):g}, which looks like degrees: give it in {unit}",
            )
    for end in ("min", "max"):
        corner = getattr(limits, f"workspace_{end}") or ()
        if corner and max(map(abs, corner)) > FARTHEST_M:
            yield Finding(
                f"limits.workspace.{end}",
                f"goes to {max(corner, key=abs):g}, which looks like mm: give it in m",
            )
    if (limits.linear_velocity or 0.0) > FASTEST_M_S:
        yield Finding(
            "limits.linear_velocity",
            f"is {limits.linear_velocity:g}, which looks like mm/s: give it in m/s",
        )
    for name, camera in robot.observations.cameras.items():
        if camera.latency_s > LATEST_S:
            yield Finding(
                f"cameras.{name}.latency",
                f"is {camera.latency_s:g} s, which looks like ms: give it in s",
            )
