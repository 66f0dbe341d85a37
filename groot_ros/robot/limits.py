"""What a robot may do: the section `limits` of its file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np

from groot_ros.errors import did_you_mean
from groot_ros.files.config_file import shown
from groot_ros.files.typed import (
    FileSection,
    Finite,
    KeyPath,
    Misfit,
    Names,
    Positive,
    in_unit,
    numbers,
    positive,
    text,
)
from groot_ros.robot.forward_kinematics import LinkPoint
from groot_ros.signals.kinds import JOINTS as JOINTS_KIND
from groot_ros.signals.signals import of_arm

JOINTS = {
    "joint_lower": "rad",
    "joint_upper": "rad",
    "joint_velocity": "rad/s",
    "joint_acceleration": "rad/s^2",
    "joint_jerk": "rad/s^3",
    "joint_deceleration": "rad/s^2",
    "joint_jump": "rad",
}
Axis = Literal["x", "y", "z", "-x", "-y", "-z"]
AXES: tuple[str, ...] = get_args(Axis)
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
        """The limit of a part of a motion, for example linear velocity; None: no limit."""
        return getattr(self, f"{part}_{quantity}")

    def range(self, keys: tuple[str, str]) -> tuple[Any, Any]:
        """The range between two limits by their names; None where the file sets none."""
        low, high = keys
        return getattr(self, low, None), getattr(self, high, None)


Metres3 = Annotated[tuple[Finite, ...], numbers("m", 3)]
MetresPerS = Annotated[float, positive("m/s")]
RadiansPerS = Annotated[float, positive("rad/s")]
MetresPerS2 = Annotated[float, positive("m/s^2")]
RadiansPerS2 = Annotated[float, positive("rad/s^2")]


class BoxKeys(FileSection, frozen=True, kw_only=True):
    """A box in m by its corners."""

    min: Metres3
    max: Metres3

    def __post_init__(self) -> None:
        _check_box(self.min, self.max)


def _check_box(low: tuple[float, ...], high: tuple[float, ...]) -> None:
    if any(a >= b for a, b in zip(low, high, strict=True)):
        raise Misfit(f"is {list(low)}, expected less than max on every axis", "min")


class PointKeys(FileSection, frozen=True, kw_only=True):
    """A point of `limits.points`, in the workspace unless it has a box of its own."""

    link: Annotated[str, text("a link of the URDF")]
    xyz: Metres3 = (0.0, 0.0, 0.0)
    min: Metres3 | None = None
    max: Metres3 | None = None

    def __post_init__(self) -> None:
        if self.min and self.max:
            _check_box(self.min, self.max)
        elif self.min or self.max:
            missing = "max" if self.min else "min"
            raise Misfit("is missing, expected a list of 3 numbers in m", missing)

    def point(self, name: str, workspace: BoxKeys | None) -> WatchedPoint:
        """The point of this name."""
        box = self if self.min or workspace is None else workspace
        return WatchedPoint(name, self.link, self.xyz, low=box.min or (), high=box.max or ())


class OrientationKeys(FileSection, frozen=True, kw_only=True):
    """How the tool may be turned; see OrientationLimit."""

    tool_axis: Axis
    base_axis: Axis
    cone: Annotated[float, positive("rad")]
    twist: Annotated[tuple[Finite, ...], numbers("rad", 2)] | None = None

    def __post_init__(self) -> None:
        if not SHARPEST_RAD <= self.cone <= WIDEST_RAD:
            problem = f"is {self.cone:g} rad, expected {SHARPEST_RAD:g} to {WIDEST_RAD:g}"
            raise Misfit(problem, "cone")
        low, high = self.twist or (-1.0, 1.0)
        is_short = low < high <= low + LONGEST_TWIST_RAD
        if not (is_short and low >= -LONGEST_TWIST_RAD and high <= LONGEST_TWIST_RAD):
            raise Misfit(
                f"is [{low:g}, {high:g}] rad, expected a range that is shorter than a turn",
                "twist",
            )

    @property
    def limit(self) -> OrientationLimit:
        twist = (self.twist[0], self.twist[1]) if self.twist else None
        return OrientationLimit(
            tool_axis=self.tool_axis,
            base_axis=self.base_axis,
            cone_rad=self.cone,
            twist_rad=twist,
        )


class FollowingKeys(FileSection, frozen=True, kw_only=True):
    """When a robot does not follow; see Following."""

    position: Annotated[float, positive("m")] = Following.position_m
    rotation: Annotated[float, positive("rad")] = Following.rotation_rad
    joints: Annotated[float, positive("rad")] = Following.joints_rad
    lag: Annotated[float, positive("s")] | None = None
    """That of the robot's `lag` where it is not said."""
    patience: Annotated[float, positive("s")] = Following.patience_s

    def following(self, lag_s: float) -> Following:
        """The tracking tolerance of a robot with a lag of `lag_s`, unless the file says
        otherwise."""
        return Following(
            position_m=self.position,
            rotation_rad=self.rotation,
            joints_rad=self.joints,
            lag_s=self.lag or lag_s,
            patience_s=self.patience,
        )


class LimitKeys(FileSection, frozen=True, kw_only=True):
    """The section `limits` of an arm; see Limits. A list has a number for each of its joints."""

    workspace: BoxKeys | None = None
    orientation: OrientationKeys | None = None
    points: dict[str, PointKeys] = {}
    linear_velocity: MetresPerS | None = None
    angular_velocity: RadiansPerS | None = None
    linear_acceleration: MetresPerS2 | None = None
    angular_acceleration: RadiansPerS2 | None = None
    linear_jerk: Annotated[float, positive("m/s^3")] | None = None
    angular_jerk: Annotated[float, positive("rad/s^3")] | None = None
    linear_deceleration: MetresPerS2 | None = None
    angular_deceleration: RadiansPerS2 | None = None
    linear_jump: Annotated[float, positive("m")] | None = None
    angular_jump: Annotated[float, positive("rad")] | None = None
    grip_speed: Annotated[float, positive("1/s")] | None = None
    joint_lower: Annotated[tuple[Finite, ...], in_unit("rad")] | None = None
    joint_upper: Annotated[tuple[Finite, ...], in_unit("rad")] | None = None
    joint_velocity: Annotated[tuple[Positive, ...], in_unit("rad/s")] | None = None
    joint_acceleration: Annotated[tuple[Positive, ...], in_unit("rad/s^2")] | None = None
    joint_jerk: Annotated[tuple[Positive, ...], in_unit("rad/s^3")] | None = None
    joint_deceleration: Annotated[tuple[Positive, ...], in_unit("rad/s^2")] | None = None
    joint_jump: Annotated[tuple[Positive, ...], in_unit("rad")] | None = None
    following: FollowingKeys = FollowingKeys()

    def __post_init__(self) -> None:
        for name, point in self.points.items():
            if point.min is None and self.workspace is None:
                raise Misfit("needs min and max, or limits.workspace", f"points.{name}")

    def check_joints(self, count: int) -> None:
        """Misfit where a list is not as long as an arm has joints, or limits are crossed."""
        for key, unit in JOINTS.items():
            values = getattr(self, key)
            if values is not None and len(values) != count:
                problem = f"is {shown(list(values))}, expected a list of {count} numbers in {unit}"
                raise Misfit(problem, f"limits.{key}")
        pairs = zip(self.joint_lower or (), self.joint_upper or (), strict=False)
        for joint, (low, high) in enumerate(pairs, start=1):
            if low >= high:
                raise Misfit(
                    f"is {low:g} for joint {joint}, expected less than its joint_upper, {high:g}",
                    "limits.joint_lower",
                )

    def limits(self, lag_s: float) -> Limits:
        """The limits of an arm that is `lag_s` behind its commands where `following` does not say
        otherwise."""
        plain = {name: getattr(self, name) for name in (*CARTESIAN, *JOINTS)}
        return Limits(
            **plain,
            workspace_min=self.workspace.min if self.workspace else None,
            workspace_max=self.workspace.max if self.workspace else None,
            orientation=self.orientation.limit if self.orientation else None,
            points=tuple(point.point(n, self.workspace) for n, point in self.points.items()),
            following=self.following.following(lag_s),
        )


CARTESIAN = tuple(
    name for name in LimitKeys.__struct_fields__ if name.startswith(("linear", "angular", "grip"))
)


def joined_limits(limits: Sequence[tuple[Limits, int]]) -> Limits:
    """The joint limits of several arms side by side, with the number of joints of each; limits of
    an arm as a whole are the strictest."""

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


class DistanceKeys(FileSection, frozen=True, kw_only=True):
    """Two points of different arms, and how near in m they may come; see PointDistance."""

    points: Names
    least: Annotated[float, positive("m")]


def point_distances(
    distances: Mapping[str, DistanceKeys], arms: Mapping[str, Limits], place: KeyPath
) -> tuple[PointDistance, ...]:
    """How near points of arms may come, which are among `limits.points` of theirs; `place` is that
    of the distances in the file."""
    known = {
        of_arm(arm, point.name): (arm, point.name)
        for arm, own in arms.items()
        for point in own.points
    }
    found = []
    for name, keys in distances.items():
        _check_points(keys.points, known, place / name)
        points = known[keys.points[0]], known[keys.points[1]]
        found.append(PointDistance(name=name, points=points, least_m=keys.least))
    return tuple(found)


def _check_points(
    names: Sequence[str], known: Mapping[str, tuple[str, str]], place: KeyPath
) -> None:
    for point in names:
        if point not in known:
            near = did_you_mean(point, known) or f"there are {', '.join(known) or 'none'}"
            raise place.error(
                f"holds {point}, expected limits.points of the arms: {near}", "points"
            )
    if len(names) != 2 or known[names[0]][0] == known[names[1]][0]:
        problem = "expected two points of different arms: [left/tool, right/tool]"
        raise place.error(problem, "points")
