"""What a robot may do: the section `limits` of its file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groot_ros.errors import did_you_mean
from groot_ros.robot.forward_kinematics import LinkPoint
from groot_ros.robot.section import Section
from groot_ros.signals.kinds import JOINTS as JOINTS_KIND
from groot_ros.signals.signals import of_arm

CARTESIAN = {
    "linear_velocity": "m/s",
    "angular_velocity": "rad/s",
    "linear_acceleration": "m/s^2",
    "angular_acceleration": "rad/s^2",
    "linear_jerk": "m/s^3",
    "angular_jerk": "rad/s^3",
    "linear_deceleration": "m/s^2",
    "angular_deceleration": "rad/s^2",
    "linear_jump": "m",
    "angular_jump": "rad",
    "grip_speed": "1/s",
}
JOINTS = {
    "joint_lower": "rad",
    "joint_upper": "rad",
    "joint_velocity": "rad/s",
    "joint_acceleration": "rad/s^2",
    "joint_jerk": "rad/s^3",
    "joint_deceleration": "rad/s^2",
    "joint_jump": "rad",
}
FOLLOWING = {
    "position": ("position_m", "m"),
    "rotation": ("rotation_rad", "rad"),
    "joints": ("joints_rad", "rad"),
    "lag": ("lag_s", "s"),
    "patience": ("patience_s", "s"),
}
RANGE = ("joint_lower", "joint_upper")
AXES = ("x", "y", "z", "-x", "-y", "-z")
# A cone of a right angle is none, and one without an angle leaves no room to brake.
SHARPEST_RAD, WIDEST_RAD = 0.02, 1.4
LONGEST_TWIST_RAD = 6.28


@dataclass(frozen=True, kw_only=True)
class WatchedPoint(LinkPoint):
    """A point of the arm and the box (3,) in m in the base frame that it stays in."""

    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class OrientationLimit:
    """The tool's axis stays within a cone about the base's axis, and its rotation about it within
    a range, if any, in rad; axes are x, y, z, -x, -y or -z."""

    tool_axis: str
    base_axis: str
    cone_rad: float
    twist_rad: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class PointDistance:
    """Two points of different arms, each an arm's name and that of one of its points, that stay
    `least_m` apart."""

    name: str
    points: tuple[tuple[str, str], tuple[str, str]]
    least_m: float


@dataclass(frozen=True)
class Following:
    """How far the robot may be from the command of `lag_s` ago, and for how long."""

    position_m: float = 0.1
    rotation_rad: float = 0.3
    joints_rad: float = 0.3
    lag_s: float = 0.1
    patience_s: float = 0.5

    def of(self, measure: str) -> float:
        """The farthest by what it is called, for example position_m."""
        return float(getattr(self, measure))


@dataclass(frozen=True)
class Limits:
    """What the robot may do; None where the file sets no limit.

    workspace (3,) in m in the base frame; velocities in m/s and rad/s, accelerations in m/s^2 and
    rad/s^2, jerks in m/s^3 and rad/s^3; joint values per joint. Decelerations are for stops and
    are the accelerations where they are missing. A jump is the farthest that two steps of a chunk,
    or the motion and a new chunk, may be apart. grip_speed is in closures per second. The
    orientation is kept where poses are commanded, points are kept in their boxes where joints are.
    `following` is when a robot does not follow.
    """

    workspace_min: tuple[float, ...] | None = None
    workspace_max: tuple[float, ...] | None = None
    orientation: OrientationLimit | None = None
    points: tuple[WatchedPoint, ...] = ()
    linear_velocity: float | None = None
    angular_velocity: float | None = None
    linear_acceleration: float | None = None
    angular_acceleration: float | None = None
    linear_jerk: float | None = None
    angular_jerk: float | None = None
    linear_deceleration: float | None = None
    angular_deceleration: float | None = None
    linear_jump: float | None = None
    angular_jump: float | None = None
    grip_speed: float | None = None
    joint_lower: tuple[float, ...] | None = None
    joint_upper: tuple[float, ...] | None = None
    joint_velocity: tuple[float, ...] | None = None
    joint_acceleration: tuple[float, ...] | None = None
    joint_jerk: tuple[float, ...] | None = None
    joint_deceleration: tuple[float, ...] | None = None
    joint_jump: tuple[float, ...] | None = None
    following: Following = Following()

    def of(self, part: str, quantity: str) -> Any:
        """What is allowed of a part of a motion, for example linear velocity; None: no limit."""
        return getattr(self, f"{part}_{quantity}")

    def range(self, keys: tuple[str, str]) -> tuple[Any, Any]:
        """A range by the names of its ends; None where the file sets none."""
        low, high = keys
        return getattr(self, low, None), getattr(self, high, None)


def read_limits(section: Section, joint_count: int, lag_s: float = Following.lag_s) -> Limits:
    """The limits of a robot with so many arm joints, `lag_s` behind its commands where
    `following` does not say otherwise; UserError names a mistake."""
    values: dict[str, Any] = {}
    if "workspace" in section:
        box = section.section("workspace")
        values["workspace_min"], values["workspace_max"] = _corners(box)
        box.finish()
    if "orientation" in section:
        values["orientation"] = _orientation(section.section("orientation"))
    workspace = values.get("workspace_min"), values.get("workspace_max")
    points = section.part("points").sections()
    values["points"] = tuple(_point(name, point, workspace) for name, point in points)
    for key, unit in CARTESIAN.items():
        if key in section:
            values[key] = section.positive(key, unit)
    for key, unit in JOINTS.items():
        if key in section:
            numbers = section.numbers(key, unit, joint_count)
            if key not in RANGE and min(numbers) <= 0:
                raise section.error(key, f"is {list(numbers)}, expected numbers above 0")
            values[key] = numbers
    values["following"] = _following(section.part("following"), lag_s)
    if set(RANGE) <= set(values):
        _check_range(section, values["joint_lower"], values["joint_upper"])
    section.finish()
    return Limits(**values)


def _orientation(section: Section) -> OrientationLimit:
    axes = {key: section.choice(key, AXES) for key in ("tool_axis", "base_axis")}
    cone_rad = section.positive("cone", "rad")
    if not SHARPEST_RAD <= cone_rad <= WIDEST_RAD:
        raise section.error(
            "cone", f"is {cone_rad:g} rad, expected {SHARPEST_RAD:g} to {WIDEST_RAD:g}"
        )
    twist = None
    if "twist" in section:
        low, high = section.numbers("twist", "rad", 2)
        if not (
            low < high <= low + LONGEST_TWIST_RAD
            and low >= -LONGEST_TWIST_RAD
            and high <= LONGEST_TWIST_RAD
        ):
            raise section.error(
                "twist",
                f"is [{low:g}, {high:g}] rad, expected a range that is shorter than a turn",
            )
        twist = low, high
    section.finish()
    return OrientationLimit(cone_rad=cone_rad, twist_rad=twist, **axes)


def _following(section: Section, lag_s: float) -> Following:
    numbers = {"lag_s": lag_s} | {
        name: section.positive(key, unit)
        for key, (name, unit) in FOLLOWING.items()
        if key in section
    }
    section.finish()
    return Following(**numbers)


def _check_range(section: Section, lower: Sequence[float], upper: Sequence[float]) -> None:
    for joint, (low, high) in enumerate(zip(lower, upper, strict=True), start=1):
        if low >= high:
            raise section.error(
                "joint_lower",
                f"is {low:g} for joint {joint}, expected less than its joint_upper, {high:g}",
            )


def _corners(section: Section) -> tuple[tuple[float, ...], tuple[float, ...]]:
    low, high = section.numbers("min", "m", 3), section.numbers("max", "m", 3)
    if any(a >= b for a, b in zip(low, high, strict=True)):
        raise section.error("min", f"is {list(low)}, expected less than max on every axis")
    return low, high


def _point(name: str, section: Section, workspace: tuple[Any, Any]) -> WatchedPoint:
    """A point, in the workspace unless it has a box of its own."""
    link = section.text("link", "a link of the URDF")
    xyz = section.numbers("xyz", "m", 3) if "xyz" in section else (0.0, 0.0, 0.0)
    low, high = _corners(section) if "min" in section or "max" in section else workspace
    if low is None:
        raise section.error("", "needs min and max, or limits.workspace")
    section.finish()
    return WatchedPoint(name, link, xyz, low=low, high=high)


def joined_limits(limits: Sequence[tuple[Limits, int]]) -> Limits:
    """Those of several arms whose joints, as many as are said of each, stand one behind the other:
    of joints alone, and the strictest of what is for an arm as a whole."""

    def joined(key: str, missing: Callable[[Limits], Any]) -> tuple[float, ...]:
        """What is missing of an arm, as one number for each of its joints."""
        return tuple(
            number
            for each, count in limits
            for number in getattr(each, key) or np.broadcast_to(missing(each), count).tolist()
        )

    usual = JOINTS_KIND.lengths[0].deceleration
    values: dict[str, Any] = {
        **{key: joined(key, lambda _: math.inf) for key in JOINTS},
        "joint_lower": joined("joint_lower", lambda _: -math.inf),
        # An arm that says nothing of stops brakes as hard as it speeds up.
        "joint_deceleration": joined(
            "joint_deceleration", lambda each: each.joint_acceleration or usual
        ),
    }
    for key in JOINTS:
        if key != "joint_deceleration" and not any(getattr(each, key) for each, _ in limits):
            values[key] = None
    follow = [each.following for each, _ in limits]
    return Limits(
        **values,
        following=Following(
            joints_rad=min(each.joints_rad for each in follow),
            lag_s=max(each.lag_s for each in follow),
            patience_s=min(each.patience_s for each in follow),
        ),
    )


def read_distances(section: Section, arms: Mapping[str, Limits]) -> tuple[PointDistance, ...]:
    """How near points of arms may come, which are among `limits.points` of theirs."""
    known = {
        of_arm(arm, point.name): (arm, point.name)
        for arm, own in arms.items()
        for point in own.points
    }
    return tuple(_distance(name, part, known) for name, part in section.sections())


def _distance(name: str, section: Section, known: Mapping[str, tuple[str, str]]) -> PointDistance:
    names = section.names("points")
    for point in names:
        if point not in known:
            near = did_you_mean(point, known) or f"there are {', '.join(known) or 'none'}"
            raise section.error(
                "points", f"holds {point}, expected limits.points of the arms: {near}"
            )
    if len(names) != 2 or known[names[0]][0] == known[names[1]][0]:
        raise section.error(
            "points", "expected two points of different arms: [left/tool, right/tool]"
        )
    least_m = section.positive("least", "m")
    section.finish()
    return PointDistance(name=name, points=(known[names[0]], known[names[1]]), least_m=least_m)
