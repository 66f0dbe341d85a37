"""Poses out of /tf: the transforms of a robot over a short time, chained with interpolation."""

from __future__ import annotations

import bisect
from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError, did_you_mean
from groot_ros.geometry import interpolate_pose, invert, matrix_to_pose, pose_to_matrix

Array = NDArray[np.float64]

HISTORY_NS = 2_000_000_000
SHOWN_FRAMES = 16
# Far more than any robot has; a chain that is longer goes in a circle.
LONGEST_CHAIN = 256


@dataclass
class _Frame:
    """Where a frame is in its parent over time; static where it stays so, without times."""

    parent: str
    is_static: bool
    times_ns: deque[int] = field(default_factory=deque)
    poses: deque[Array] = field(default_factory=deque)

    def add(self, time_ns: int, pose: Array) -> None:
        if self.is_static:
            self.poses.clear()
        elif self.times_ns and time_ns <= self.times_ns[-1]:
            if self.times_ns[-1] - time_ns <= HISTORY_NS:
                return
            # The clock was set back.
            self.times_ns.clear()
            self.poses.clear()
        self.poses.append(pose)
        if self.is_static:
            return
        self.times_ns.append(time_ns)
        while time_ns - self.times_ns[0] > HISTORY_NS:
            self.times_ns.popleft()
            self.poses.popleft()

    def at(self, time_ns: int) -> Array:
        """The pose at a time, between two that were told; the ends hold."""
        index = 0 if self.is_static else bisect.bisect_left(self.times_ns, time_ns)
        if self.is_static or index == 0:
            return self.poses[0]
        if index == len(self.times_ns):
            return self.poses[-1]
        begin, end = self.times_ns[index - 1], self.times_ns[index]
        fraction = (time_ns - begin) / (end - begin)
        return interpolate_pose(self.poses[index - 1], self.poses[index], fraction)


class TransformTree:
    """The frames that were told of, as far back as is needed to interpolate.

    Only those who fill it call it: it has no lock.
    """

    def __init__(self) -> None:
        self._frames: dict[str, _Frame] = {}

    def add(self, parent: str, child: str, time_ns: int, pose: Array, is_static: bool) -> None:
        """A transform: the pose (7,) of `child` in `parent`, always so where it is static."""
        known = self._frames.get(child)
        if known is None or known.parent != parent or known.is_static != is_static:
            known = self._frames[child] = _Frame(parent, is_static)
        known.add(time_ns, pose)

    def pose(self, base: str, link: str) -> tuple[int, Array]:
        """Newest time in ns at which all that connects two frames is known, and the pose (7,) of
        `link` in `base` then; UserError names where the chain is broken, or that nothing moves."""
        up, down = self._chain(link), self._chain(base)
        if up[-1] != down[-1]:
            raise UserError(self._broken(base, link, up, down))
        common = next(frame for frame in up if frame in down)
        up, down = up[: up.index(common)], down[: down.index(common)]
        moving = [self._frames[name] for name in (*up, *down) if not self._frames[name].is_static]
        if not moving:
            raise UserError(f"all transforms from {base} to {link} are static: nothing moves")
        time_ns = min(frame.times_ns[-1] for frame in moving)
        matrix = invert(self._matrix(down, time_ns)) @ self._matrix(up, time_ns)
        return time_ns, matrix_to_pose(matrix)

    def _matrix(self, chain: list[str], time_ns: int) -> Array:
        """The first frame of a chain seen from what is above its last one."""
        matrix = np.eye(4)
        for name in chain:
            matrix = pose_to_matrix(self._frames[name].at(time_ns)) @ matrix
        return matrix

    def _chain(self, name: str) -> list[str]:
        """A frame and all above it."""
        chain = [name]
        while (known := self._frames.get(chain[-1])) is not None:
            if len(chain) == LONGEST_CHAIN:
                raise UserError(f"the transforms above frame {name} go in a circle")
            chain.append(known.parent)
        return chain

    def _broken(self, base: str, link: str, up: list[str], down: list[str]) -> str:
        known = sorted({*self._frames, *(frame.parent for frame in self._frames.values())})
        for name in (link, base):
            if name not in known:
                shown = ", ".join(known[:SHOWN_FRAMES]) + (", ..." if known[SHOWN_FRAMES:] else "")
                hint = did_you_mean(name, known)
                return f"no transform tells of frame {name}, only of {shown or 'none'}" + (
                    f": {hint}" if hint else ""
                )
        return (
            f"no transforms connect {base} to {link}: {link} hangs below {up[-1]}, {base} below "
            f"{down[-1]}"
        )
