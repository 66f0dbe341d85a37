"""Points on the arm that stay in boxes while joints are commanded.

On a straight joint path from one value to the next, s in [0, 1], the penetration f(s) of a face by
a point has a second derivative of at most K (`ForwardKinematics.bends`), so that

    f(s) <= f(0) + (f(1) - f(0)) s + K s (1 - s) / 2,

whose maximum is that of an end, or (f(0) + f(1)) / 2 + K / 8 + (f(1) - f(0))^2 / (2 K) where the
ends differ by less than K / 2. So a few values bound the path between them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.chunks.limits.constraint import farthest_between
from groot_ros.robot.forward_kinematics import ForwardKinematics
from groot_ros.robot.limits import WatchedPoint

Array = NDArray[np.float64]

PLANNED_M = 1e-3
"""So far beyond its box a planned point may come; the governor stops it there."""
FACES = ("below x", "below y", "below z", "above x", "above y", "above z")
PROJECTIONS = 8
FINER = 4
"""Where it matters, a way is looked at in so many times as many pieces."""
LONGEST_PROJECTION_RAD = 0.3
# A projected point lies this far inside, so that rounding does not count as outside.
INSIDE_M = 1e-6


class WatchedPoints:
    """By how much joints take points out of their boxes, in m; negative inside.

    The faces (P, 6) of a point are its box's low x, y, z and high x, y, z in the base frame.
    """

    def __init__(self, arm: ForwardKinematics, points: tuple[WatchedPoint, ...]) -> None:
        self.points = points
        self._arm = arm
        self._low = np.array([point.low for point in points])
        self._high = np.array([point.high for point in points])

    def beyond(self, joints: ArrayLike) -> Array:
        """Penetration of each face (..., P, 6) in m at joints (..., J)."""
        places = self._arm.positions(joints)
        return np.concatenate([self._low - places, places - self._high], axis=-1)

    def depth(self, values: Array) -> Array:
        """The largest penetration of each face, less `PLANNED_M`, on each segment (max(N - 1, 1),
        P * 6) of straight joint paths through values (N, J): a conservative bound."""
        depth = self._on_the_way(values)
        if len(values) > 1 and depth.max() > PLANNED_M:
            # The bound is of second order in the pieces' length.
            between = np.arange((len(values) - 1) * FINER + 1) / FINER
            fine = np.stack([np.interp(between, np.arange(len(values)), v) for v in values.T], 1)
            depth = self._on_the_way(fine)
            depth = depth.reshape(-1, FINER, *depth.shape[1:]).max(axis=1)
        return depth.reshape(len(depth), -1) - PLANNED_M

    def _on_the_way(self, values: Array) -> Array:
        """The farthest beyond each face (max(N - 1, 1), P, 6) on each part of the way."""
        beyond = self.beyond(values)
        if len(values) == 1:
            return beyond
        changes = np.abs(np.diff(values, axis=0))
        bend = np.sum(
            (changes[:, None, None, :] @ self._arm.bends)[:, :, 0, :] * changes[:, None, :],
            axis=-1,
        )[..., None]
        return farthest_between(beyond[:-1], beyond[1:], bend)

    def excesses(self, values: Array, allowed: Array) -> Array:
        """The largest penetration of a face on each segment (max(N - 1, 1),) of a path through
        values (N, J), beyond what is allowed (P, 6)."""
        return np.asarray((self._on_the_way(values) - allowed).max(axis=(1, 2)))

    def excess(self, values: Array, allowed: Array) -> str | None:
        """The face that a path through values (N, J) penetrates by more than is allowed (P, 6), in
        words; None where it does not."""
        parts = self._on_the_way(values) - allowed
        if parts.max() <= PLANNED_M:
            return None
        _, point, face = np.unravel_index(int(np.argmax(parts)), parts.shape)
        return self._sentence(int(point), int(face), float(parts.max()))

    def _sentence(self, point: int, face: int, beyond_m: float) -> str:
        watched = self.points[point]
        limit = (*watched.low, *watched.high)[face]
        return (
            f"the point {watched.name} {1000 * beyond_m:.1f} mm {FACES[face]} = {limit:g} m "
            f"(limits.points.{watched.name})"
        )

    def refusal(
        self, steps: Array, margin_m: Array | float, first: int = 0, parts: int = 1
    ) -> str | None:
        """Why steps (T, J) must not be executed; None if they may.

        Args:
            steps: Joints (T, J).
            margin_m: Allowed penetration in m, of all faces or of each (P, 6).
            first: Number of the first step, for the sentence.
            parts: Number of rows per step.
        """
        beyond = self.beyond(steps)
        outside = beyond > margin_m
        if not outside.any():
            return None
        step = int(np.argmax(outside.any(axis=(1, 2))))
        point, face = np.unravel_index(int(np.argmax(beyond[step])), beyond.shape[1:])
        return f"step {(first + step) / parts:g} takes " + self._sentence(
            int(point), int(face), float(beyond[step].max())
        )

    def projected(
        self, steps: Array, lower: Array, upper: Array, inside_m: Array | float = INSIDE_M
    ) -> Array:
        """Steps (T, J) with the smallest change of joints that brings the points inside their
        boxes.

        Newton steps on the violated faces: with their rows A of the Jacobian and penetrations b,
        dq = -A' (A A')^-1 b. Points that cannot be brought inside remain outside.

        Args:
            steps: Joints (T, J).
            lower: Lower joint limits (J,).
            upper: Upper joint limits (J,).
            inside_m: How far inside (T,), in m.
        """
        steps = np.array(steps)
        inside_m = np.broadcast_to(inside_m, len(steps))
        outside = self.beyond(steps).max(axis=(1, 2)) > INSIDE_M - inside_m
        for index in np.flatnonzero(outside):
            steps[index] = self._projected(steps[index], lower, upper, inside_m[index])
        return steps

    def _projected(self, step: Array, lower: Array, upper: Array, inside_m: float) -> Array:
        joints = step
        for _ in range(PROJECTIONS):
            beyond = self.beyond(joints)
            passed = beyond > INSIDE_M - inside_m
            if not passed.any():
                break
            jacobian = self._arm.jacobian(joints)[1][:, :3]
            rows = np.concatenate([-jacobian, jacobian], axis=1)[passed]
            square = rows @ rows.T + 1e-9 * np.eye(len(rows))
            change = rows.T @ np.linalg.solve(square, beyond[passed] + inside_m)
            joints = np.clip(joints - change, lower, upper)
        return joints if np.abs(joints - step).max() <= LONGEST_PROJECTION_RAD else step
