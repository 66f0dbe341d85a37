"""The orientation of the tool: a cone about an axis of the base, and a twist about it.

With the tool's axis e, the base's axis c and the tool's rotation R, the tool points along u = R e.

Tilt: u stays within the angle a of c, c . u >= cos a. The face is f = (cos a - c . u) / sin a,
about the angle that is too much. While R turns with a constant w, u'' = w x (w x u), so that
|f''| <= w^2 / sin a.

Twist: S, the smallest rotation that takes u to c, leaves S R, which turns about c alone; the twist
is its angle, 0 where the tool's second axis points along the base's. It changes with

    t' = w . (u + c) / (1 + c . u),

which is linear in w, and right for the three rotations about u (u . (u + c) = 1 + c . u), about c
(the same) and about u x c (0: that changes S alone). As w . (w x u) = 0, its derivative is

    t'' = - w . (u + c) (w x u) . c / (1 + c . u)^2,

with |u + c|^2 = 2 (1 + c . u) and |u x c|^2 = 1 - (c . u)^2 at most w^2 sqrt(2) where c . u >= 0.

So a step is moved into the cone by a rotation about u x c, which leaves the twist as it is, and
into the range of the twist by one about u, which leaves the tilt as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.curve import Curve
from groot_ros.chunks.limits.constraint import farthest_between
from groot_ros.geometry import (
    cross,
    matrix_to_quat,
    multiply_quats,
    quat_to_matrix,
    rotvec_to_quat,
)
from groot_ros.robot.limits import Limits, OrientationLimit
from groot_ros.signals.kinds import POSE, Kind
from groot_ros.signals.space import PoseSpace

Array = NDArray[np.float64]

# A step that is farther outside, in rad, is refused.
MARGIN_RAD = 0.1
# So far inside steps are moved, so that the governor has nothing to do.
RESERVE_RAD = 5e-4
TOLERANCE_RAD = 1e-6
# Curves between two steps are looked at so many times, and steps are moved in by a little more
# than they lead out, again and again.
SAMPLES, FARTHER, PROJECTIONS = 8, 1.2, 6
AXES = {"x": 0, "y": 1, "z": 2}


@dataclass(frozen=True)
class ToolOrientation:
    """By how much poses turn the tool out of its cone and twist range, in rad; negative inside.

    The faces (F,) are the cone and, where the robot file sets a twist, its two ends.
    """

    limit: OrientationLimit

    @cached_property
    def _tool(self) -> tuple[Array, Array]:
        return _axis(self.limit.tool_axis), _second(self.limit.tool_axis)

    @cached_property
    def _base(self) -> tuple[Array, Array]:
        return _axis(self.limit.base_axis), _second(self.limit.base_axis)

    @cached_property
    def reference(self) -> Array:
        """The quaternion (4,) wxyz without tilt, and with a twist of 0."""
        tool, base = (np.stack([a, b, cross(a, b)], axis=1) for a, b in (self._tool, self._base))
        return matrix_to_quat(base @ tool.T)

    def rim(self, count: int) -> Array:
        """Unit vectors (count, 3) on the surface of the cone, in the base frame."""
        axis, second = self._base
        angles = np.linspace(0.0, 2 * np.pi, count, endpoint=False)[:, None]
        side = np.cos(angles) * second + np.sin(angles) * cross(axis, second)
        rim: Array = math.cos(self.limit.cone_rad) * axis + math.sin(self.limit.cone_rad) * side
        return rim

    def turned(self, poses: Array) -> tuple[Array, Array, Array]:
        """Pointing direction (..., 3), tilt (...) and twist (...) in rad of poses (..., 7)."""
        rotations = quat_to_matrix(poses[..., 3:])
        axis, second = self._base
        points = rotations @ self._tool[0]
        side = rotations @ self._tool[1]
        cosine = points @ axis
        about = cross(points, axis)
        tilt = np.arctan2(np.linalg.norm(about, axis=-1), cosine)
        # The smallest rotation that takes a unit vector to another one (Rodrigues).
        once = cross(about, side)
        twice = cross(about, once) / np.maximum(1.0 + cosine, 1e-9)[..., None]
        swung = side + once + twice
        twist = np.arctan2(swung @ cross(axis, second), swung @ second)
        return points, tilt, twist

    def beyond(self, poses: Array) -> Array:
        """Penetration of each face (..., F) in rad by poses (..., 7)."""
        _, tilt, twist = self.turned(poses)
        cone = self.limit.cone_rad
        faces = [(math.cos(cone) - np.cos(tilt)) / math.sin(cone)]
        if self.limit.twist_rad:
            low, high = self.limit.twist_rad
            away = _wrapped(twist - (low + high) / 2)
            faces += [-away - (high - low) / 2, away - (high - low) / 2]
        return np.stack(faces, axis=-1)

    def depth(self, values: Array) -> Array:
        """The largest penetration of each face on each segment (max(N - 1, 1), F) of a path
        through poses (N, 7), with constant rotation rates between them."""
        beyond = self.beyond(values)
        if len(values) == 1:
            return beyond
        turns = PoseSpace().lengths(PoseSpace().difference(values[1:], values[:-1]))[:, 1:]
        bends = np.full(beyond.shape[1], math.sqrt(2.0))
        bends[0] = 1.0 / math.sin(self.limit.cone_rad)
        return farthest_between(beyond[:-1], beyond[1:], turns**2 * bends)

    def projected(self, poses: Array, inside_rad: Array | float = RESERVE_RAD) -> Array:
        """Poses (T, 7) with the smallest rotation that brings them `inside_rad` (T,) inside cone
        and twist range."""
        points, tilt, twist = self.turned(poses)
        about = cross(points, self._base[0])
        about /= np.maximum(np.linalg.norm(about, axis=-1, keepdims=True), 1e-12)
        back = np.maximum(tilt - np.maximum(self.limit.cone_rad - inside_rad, 0.0), 0.0)
        swing = rotvec_to_quat(about * back[..., None])
        turned = multiply_quats(swing, poses[..., 3:])
        if self.limit.twist_rad:
            low, high = self.limit.twist_rad
            half = np.maximum((high - low) / 2 - inside_rad, 0.0)
            away = _wrapped(twist - (low + high) / 2)
            more = np.clip(away, -half, half) - away
            # The tool's own axis, after the swing.
            own = quat_to_matrix(turned) @ self._tool[0]
            turned = multiply_quats(rotvec_to_quat(own * more[..., None]), turned)
        return np.concatenate([poses[..., :3], turned], axis=-1)

    def taken_in(self, steps: Array, through: Callable[[Array], Curve]) -> Array:
        """Steps (T, 7) moved farther inside where the curve through them would leave the range."""
        if len(steps) == 1:
            return self.projected(steps)
        inside_rad = np.full(len(steps), RESERVE_RAD)
        for _ in range(PROJECTIONS):
            taken = self.projected(steps, inside_rad)
            curve = through(taken)
            times_s = np.linspace(0.0, curve.duration_s, SAMPLES * (len(steps) - 1) + 1)
            over = self.beyond(curve.at(times_s)).max(axis=-1) + RESERVE_RAD / 2
            if over.max() <= 0:
                break
            pieces = np.maximum(over[:-1].reshape(-1, SAMPLES).max(axis=1), 0.0)
            inside_rad[:-1] += FARTHER * pieces
            inside_rad[1:] += FARTHER * pieces
        return taken

    def bounded(self, poses: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Poses (T, 7) with those up to `MARGIN_RAD` outside projected inside, and which of them
        (T,) were."""
        _, tilt, twist = self.turned(poses)
        excess = tilt - self.limit.cone_rad
        if self.limit.twist_rad:
            low, high = self.limit.twist_rad
            away = np.abs(_wrapped(twist - (low + high) / 2))
            excess = np.maximum(excess, away - (high - low) / 2)
        near = (excess > TOLERANCE_RAD) & (excess <= MARGIN_RAD)
        return np.where(near[:, None], self.projected(poses), poses), near

    def refusal(self, poses: Array) -> str | None:
        """Why steps (T, 7) must not be executed; None if they may."""
        beyond = self.beyond(poses)
        outside = beyond > TOLERANCE_RAD
        if not outside.any():
            return None
        step = int(np.argmax(outside.any(axis=1)))
        face = int(np.argmax(beyond[step]))
        _, tilt, twist = self.turned(poses[step])
        limit = self.limit
        if face == 0:
            return (
                f"step {step} turns the tool's {limit.tool_axis} axis {tilt:.3f} rad away from "
                f"the base's {limit.base_axis} axis, at most {limit.cone_rad:g} rad are allowed "
                "(limits.orientation.cone)"
            )
        assert limit.twist_rad
        low, high = limit.twist_rad
        return (
            f"step {step} turns the tool by {twist:.3f} rad about its {limit.tool_axis} axis, "
            f"allowed {low:g} to {high:g} (limits.orientation.twist)"
        )


def tool_orientation(limits: Limits, kind: Kind) -> ToolOrientation | None:
    """The orientation limit of a robot file for signals of a kind; None where it sets none."""
    return ToolOrientation(limits.orientation) if limits.orientation and kind == POSE else None


def _wrapped(angle: Array) -> Array:
    """In [-pi, pi)."""
    wrapped: Array = (angle + np.pi) % (2 * np.pi) - np.pi
    return wrapped


def _axis(name: str) -> Array:
    axis: Array = np.eye(3)[AXES[name[-1]]]
    return -axis if name.startswith("-") else axis


def _second(name: str) -> Array:
    """The axis by which a twist about another one is told: x, or y about x itself."""
    return np.asarray(np.eye(3)[1 if name.endswith("x") else 0])
