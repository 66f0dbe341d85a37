"""Points of several arms: each in its box, and far enough from those of the others.

On a straight line of joints from one value to the next, s in [0, 1], the way d(s) from one point
to the other has a second derivative no longer than K, the sum of what `ForwardKinematics.bends`
says of both. So d(s) is within K s (1 - s) / 2 <= K / 8 of the straight way from d(0) to d(1), and
the points come no nearer than that way to zero, less K / 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.limits.watched_points import FINER, WatchedPoints
from groot_ros.errors import UserError
from groot_ros.geometry import pose_to_matrix
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.forward_kinematics import ForwardKinematics, LinkPoint
from groot_ros.robot.kinematics import watched_points
from groot_ros.robot.limits import PointDistance
from groot_ros.robot.urdf import load_urdf

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Point:
    """A point of one of the arms: its joints among those of all, and its arm's base (4, 4)."""

    arm: ForwardKinematics
    index: int
    place: slice
    base: Array

    def positions(self, joints: Array) -> Array:
        """Where it is (N, 3) in m for joints (N, J) of all arms."""
        found = self.arm.positions(joints[:, self.place])[:, self.index]
        return np.asarray(found @ self.base[:3, :3].T + self.base[:3, 3])

    def bends(self, changes: Array) -> Array:
        """How much its way bends (N,) on straight lines whose changes are (N, J)."""
        own = np.abs(changes[:, self.place])
        return np.asarray(np.einsum("ni,ij,nj->n", own, self.arm.bends[self.index], own))


class PointDistances:
    """By how much pairs of points are nearer to each other than allowed, in m; negative where they
    are farther apart."""

    def __init__(self, pairs: Sequence[tuple[_Point, _Point]], least_m: Sequence[float]) -> None:
        self._pairs = pairs
        self._least_m = np.array(least_m)

    def depth(self, values: Array) -> Array:
        """The largest violation of each pair on each segment (max(N - 1, 1), P) of straight joint
        paths through values (N, J): a conservative bound, in m."""
        depth = self._on_the_way(values)
        if len(values) > 1 and depth.max(initial=-1.0) > 0.0:
            # The bound is of second order in the pieces' length.
            between = np.arange((len(values) - 1) * FINER + 1) / FINER
            fine = np.stack([np.interp(between, np.arange(len(values)), v) for v in values.T], 1)
            depth = self._on_the_way(fine).reshape(-1, FINER, depth.shape[1]).max(axis=1)
        return depth

    def _on_the_way(self, values: Array) -> Array:
        changes = np.diff(values, axis=0)
        nearest = [self._nearest(pair, values, changes) for pair in self._pairs]
        return self._least_m - np.stack(nearest, axis=1)

    def _nearest(self, pair: tuple[_Point, _Point], values: Array, changes: Array) -> Array:
        """How near (max(N - 1, 1),) two points come at least."""
        one, other = pair
        way = one.positions(values) - other.positions(values)
        if len(values) == 1:
            return np.asarray(np.linalg.norm(way, axis=1))
        start, change = way[:-1], np.diff(way, axis=0)
        length = np.maximum(np.sum(change * change, axis=1), 1e-18)
        share = np.clip(-np.sum(start * change, axis=1) / length, 0.0, 1.0)
        nearest = np.linalg.norm(start + share[:, None] * change, axis=1)
        return np.asarray(nearest - (one.bends(changes) + other.bends(changes)) / 8.0)


class ArmPoints:
    """A constraint on all joints: the boxes of each arm's points, and the distances between the
    arms."""

    def __init__(
        self, boxes: Sequence[tuple[slice, WatchedPoints]], distances: PointDistances | None
    ) -> None:
        self._boxes, self._distances = tuple(boxes), distances

    def depth(self, values: Array) -> Array:
        """`Constraint.depth` of joints (N, J) of all arms."""
        found = [points.depth(values[:, place]) for place, points in self._boxes]
        if self._distances:
            found.append(self._distances.depth(values))
        return np.concatenate(found, axis=1)


def arm_points(robot: RobotConfig, places: Mapping[str, slice]) -> ArmPoints | None:
    """The constraint of several arms; None where none is set.

    UserError where the robot file names a link or joint that a URDF does not have.

    Args:
        robot: The robot file.
        places: The slice of each arm's joints in those of all.
    """
    watched = {
        name: watched_points(arm, load_urdf(arm.urdf))
        for name, arm in robot.arms.items()
        if arm.limits.points and arm.urdf
    }
    if not watched:
        return None
    boxes = [
        (places[name], WatchedPoints(arm, robot.arms[name].limits.points))
        for name, arm in watched.items()
    ]
    pairs = [_pair(robot, distance, watched, places) for distance in robot.distances]
    least_m = [distance.least_m for distance in robot.distances]
    return ArmPoints(boxes, PointDistances(pairs, least_m) if pairs else None)


def _pair(
    robot: RobotConfig,
    distance: PointDistance,
    watched: Mapping[str, ForwardKinematics],
    places: Mapping[str, slice],
) -> tuple[_Point, _Point]:
    one, other = (
        _Point(
            arm=watched[arm],
            index=_index(watched[arm].points, point),
            place=places[arm],
            base=_base(robot, arm, distance),
        )
        for arm, point in distance.points
    )
    return one, other


def _index(points: Sequence[LinkPoint], name: str) -> int:
    return [point.name for point in points].index(name)


def _base(robot: RobotConfig, name: str, distance: PointDistance) -> Array:
    arm = robot.arms[name]
    if arm.placed is not None:
        return pose_to_matrix(np.array(arm.placed))
    frames = {robot.arms[arm_name].base_frame for arm_name, _ in distance.points}
    if arm.base_frame == robot.base_frame and frames == {robot.base_frame}:
        return np.eye(4)
    raise UserError(
        f"robot {robot.name}: limits.distances.{distance.name} needs arms.{name}.placed, the pose "
        f"of {arm.base_frame} in {robot.base_frame}"
    )
