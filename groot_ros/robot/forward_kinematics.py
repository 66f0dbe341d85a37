"""Where frames of an arm are for given joint positions, and how they move with the joints.

Everything that does not depend on the joints is multiplied out beforehand, and a joint's own
motion is linear in its sine, cosine and position; so one call costs one product of 4x4 matrices
per joint, for one configuration or for many at once. Numpy alone: this runs in the command thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.errors import UserError
from groot_ros.geometry import cross, invert, matrix_to_pose
from groot_ros.robot.urdf import TURNING, Urdf, UrdfJoint

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LinkPoint:
    """A point by which an arm is watched or led: `xyz` in m in the frame of a link."""

    name: str
    link: str
    xyz: tuple[float, ...] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class _Node:
    """A joint that the arm drives: `parent` is the node above it or -1, `before` (4, 4) leads
    from there, or from the base frame, to the joint's own frame."""

    joint: UrdfJoint
    parent: int
    before: Array


class ForwardKinematics:
    """Frames of an arm in its base frame, by the positions of its joints.

    Joints are in the order of `joints`; joints that mimic one of them follow it. All others stand
    still, where `held` says (rad or m) or else as near to 0 as their range allows. A frame is a
    link's, moved by the point's offset.
    """

    def __init__(
        self,
        urdf: Urdf,
        joints: Sequence[str],
        base_frame: str,
        points: Sequence[LinkPoint],
        held: Mapping[str, float] | None = None,
    ) -> None:
        """UserError for a joint or link that the URDF does not have, or a base that moves."""
        self.joints = tuple(joints)
        self.points = tuple(points)
        self._urdf = urdf
        self._held = dict(held or {})
        for name in joints:
            if not urdf.joint(name).is_moving:
                raise UserError(f"the URDF's joint {name!r} does not move")
        self._nodes: list[_Node] = []
        root = self._base_to_root(base_frame)
        placed = [self._place(point, root) for point in self.points]
        self._frame_nodes = [node for node, _ in placed]
        self._offsets = np.array([offset for _, offset in placed]).reshape(-1, 4, 4)
        self._prepare()

    def _base_to_root(self, base_frame: str) -> Array:
        chain = self._urdf.chain(base_frame)
        for joint in chain:
            if self._drive(joint) is not None:
                raise UserError(
                    f"base_frame {base_frame!r} moves with the URDF's joint {joint.name!r}: name "
                    "a link below the arm"
                )
        self._root = chain[0].parent if chain else base_frame
        matrix = np.eye(4)
        for joint in chain:
            matrix = matrix @ joint.origin @ joint.motion(self._still(joint))
        return invert(matrix)

    def _drive(self, joint: UrdfJoint) -> tuple[int, float, float] | None:
        """Index of the arm's joint that drives this one, multiplier and offset, if any."""
        if joint.name in self.joints:
            return self.joints.index(joint.name), 1.0, 0.0
        if joint.mimic and joint.mimic.joint in self.joints:
            mimic = joint.mimic
            return self.joints.index(mimic.joint), mimic.multiplier, mimic.offset
        return None

    def _still(self, joint: UrdfJoint) -> float:
        """Where a joint stands that the arm does not drive."""
        if joint.mimic and joint.mimic.joint in self._held:
            held = self._held[joint.mimic.joint]
            return joint.mimic.multiplier * held + joint.mimic.offset
        return self._held.get(joint.name, joint.clipped(0.0))

    def _place(self, point: LinkPoint, root: Array) -> tuple[int, Array]:
        """The node that a point moves with, and its frame (4, 4) there; makes missing nodes."""
        chain = self._urdf.chain(point.link)
        if (chain[0].parent if chain else point.link) != self._root:
            raise UserError(f"the URDF does not connect the link {point.link!r} to the base frame")
        node, matrix = -1, root
        for joint in chain:
            matrix = matrix @ joint.origin
            if self._drive(joint) is None:
                matrix = matrix @ joint.motion(self._still(joint))
                continue
            found = [i for i, n in enumerate(self._nodes) if n.joint.name == joint.name]
            if not found:
                self._nodes.append(_Node(joint, node, matrix))
                found = [len(self._nodes) - 1]
            node, matrix = found[0], np.eye(4)
        offset = np.eye(4)
        offset[:3, 3] = point.xyz
        return node, matrix @ offset

    def _prepare(self) -> None:
        """Constants of the nodes M: a local matrix is fixed + sin(p) s + cos(p) c + p slide."""
        count = len(self._nodes)
        self._from_joints, self._shift = np.zeros((count, len(self.joints))), np.zeros(count)
        self._fixed, self._sine, self._cosine, self._slide = np.zeros((4, count, 4, 4))
        self._axes = np.zeros((count, 3))
        self._turns = np.zeros(count, dtype=bool)
        moves = np.zeros((count, count), dtype=bool)
        for index, node in enumerate(self._nodes):
            drive = self._drive(node.joint)
            assert drive is not None
            driver, multiplier, shift = drive
            self._from_joints[index, driver], self._shift[index] = multiplier, shift
            self._axes[index] = axis = node.joint.axis
            self._turns[index] = node.joint.type in TURNING
            fixed, sine, cosine, slide = np.eye(4), *np.zeros((3, 4, 4))
            if self._turns[index]:
                # Rodrigues: R = a a' + sin [a]x + cos (1 - a a').
                fixed[:3, :3] = np.outer(axis, axis)
                sine[:3, :3] = np.cross(axis, np.eye(3)).T
                cosine[:3, :3] = np.eye(3) - fixed[:3, :3]
            else:
                slide[:3, 3] = axis
            for table, matrix in (
                (self._fixed, fixed),
                (self._sine, sine),
                (self._cosine, cosine),
                (self._slide, slide),
            ):
                table[index] = node.before @ matrix
            if node.parent >= 0:
                moves[index] = moves[node.parent]
            moves[index, index] = True
        self._moves = np.array(
            [moves[node] if node >= 0 else np.zeros(count, bool) for node in self._frame_nodes]
        ).reshape(-1, count)
        """(F, M): whether a node moves a frame."""
        self.bends = np.array([self._bend(index) for index in range(len(self.points))])
        """(F, J, J): moving on a straight line of joints, a point's second derivative is no longer
        than |dq|' bends |dq| for the joints' rates dq."""

    def _bend(self, frame: int) -> Array:
        """Two joints, i above j, turn p by z_i x (z_j x (p - o_j)): no more than the distance of
        the point from the lower one's axis, which the lengths of the links in between bound."""
        bend = np.zeros((len(self._nodes), len(self._nodes)))
        node, distance = self._frame_nodes[frame], _length(self._offsets[frame])
        while node >= 0:
            joint = self._nodes[node].joint
            if self._turns[node]:
                bend[node, self._moves[frame] & (np.arange(len(bend)) <= node)] = distance
            else:
                # A slide is straight; what is above it turns the direction in which it goes.
                bend[node, self._moves[frame] & self._turns] = 1.0
                distance += max(abs(joint.lower or 0.0), abs(joint.upper or 0.0))
            distance += _length(self._nodes[node].before)
            node = self._nodes[node].parent
        bend = np.maximum(bend, bend.T)
        follows = np.abs(self._from_joints)
        return follows.T @ bend @ follows

    def _place_nodes(self, joints: ArrayLike) -> Array:
        """Frames (M, ..., 4, 4) of the nodes for joints (..., J)."""
        positions = (np.asarray(joints, dtype=np.float64) @ self._from_joints.T) + self._shift
        p = positions[..., None, None]
        local = self._fixed + np.sin(p) * self._sine + np.cos(p) * self._cosine + p * self._slide
        placed = np.moveaxis(local, -3, 0).copy()
        for index, node in enumerate(self._nodes):
            if node.parent >= 0:
                placed[index] = placed[node.parent] @ placed[index]
        return placed

    def _place_frames(self, nodes: Array, shape: tuple[int, ...]) -> Array:
        frames = np.empty((*shape, len(self.points), 4, 4))
        for index, node in enumerate(self._frame_nodes):
            offset = self._offsets[index]
            frames[..., index, :, :] = nodes[node] @ offset if node >= 0 else offset
        return frames

    def frames(self, joints: ArrayLike) -> Array:
        """Frames (..., F, 4, 4) in the base frame for joints (..., J)."""
        return self._place_frames(self._place_nodes(joints), np.shape(joints)[:-1])

    def positions(self, joints: ArrayLike) -> Array:
        """Points (..., F, 3) in m in the base frame for joints (..., J)."""
        return self.frames(joints)[..., :3, 3]

    def poses(self, joints: ArrayLike) -> Array:
        """Poses (..., F, 7) in the base frame for joints (..., J)."""
        return matrix_to_pose(self.frames(joints))

    def jacobian(self, joints: ArrayLike) -> tuple[Array, Array]:
        """Frames (..., F, 4, 4) and what joint velocities do to them (..., F, 6, J).

        The first three rows are m/s of the point, the others rad/s of the frame, both in the base
        frame.
        """
        nodes = self._place_nodes(joints)
        frames = self._place_frames(nodes, np.shape(joints)[:-1])
        nodes = np.moveaxis(nodes, 0, -3)
        axes = (nodes[..., :3, :3] @ self._axes[..., None])[..., 0]
        arms = frames[..., :, None, :3, 3] - nodes[..., None, :, :3, 3]
        axes = np.broadcast_to(axes[..., None, :, :], arms.shape)
        turns = self._turns[:, None]
        columns = np.concatenate(
            [np.where(turns, cross(axes, arms), axes), np.where(turns, axes, 0.0)], axis=-1
        )
        columns = np.where(self._moves[..., None], columns, 0.0)
        return frames, np.swapaxes(columns, -1, -2) @ self._from_joints


def _length(frame: Array) -> float:
    return float(np.linalg.norm(frame[:3, 3]))
