"""Which chunks have a say: none that is void, late, far outside, or one of too many."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.bounds import Bounds, wrong_numbers
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.consumption import Consumption
from groot_ros.robot_limits import Limits

Array = NDArray[np.float64]

# No policy makes more chunks than this in FLOOD_NS.
FLOOD_CHUNKS = 50
FLOOD_NS = 500_000_000
# Pictures are not taken in the future; clocks disagree by less.
MAX_EARLY_NS = 200_000_000
# A chunk may last so long, and lie so far outside that it is moved to the border.
LONGEST_S, MARGIN_M = 10.0, 0.02
# A gripper that learned from noisy data overshoots by less.
GRIP_EXCESS = 0.25
# A chunk that only fits the velocity limits by taking longer than this is no motion.
LONGEST_SLOWED_S = 60.0


class Flood:
    """Whether more comes than any policy makes."""

    def __init__(self) -> None:
        self._arrivals: deque[int] = deque(maxlen=FLOOD_CHUNKS)

    def comes(self, now_ns: int) -> bool:
        """A chunk has come; whether too many did lately."""
        self._arrivals.append(now_ns)
        full = len(self._arrivals) == FLOOD_CHUNKS
        return full and 0 <= now_ns - self._arrivals[0] < FLOOD_NS

    def forget(self) -> None:
        """Count anew."""
        self._arrivals.clear()


class Refusals:
    """Counts chunks that are refused one after the other."""

    def __init__(self, rejected_in_row: int) -> None:
        self._rejected_in_row = rejected_in_row
        self._refused = 0

    def is_too_much(self, reason: str | None) -> bool:
        """A chunk was refused for a reason, or None: taken; whether that is once too often."""
        self._refused = 0 if reason is None else self._refused + 1
        return self._refused >= self._rejected_in_row

    def forgive(self) -> None:
        """What was refused so far does not count any more."""
        self._refused = 0


def void_reason(chunk: Chunk, epoch: int, consumption: Consumption, now_ns: int) -> str | None:
    """Why a chunk has nothing to say any more, None if it has."""
    if chunk.epoch < epoch:
        return f"epoch {chunk.epoch} is over, now it is {epoch}"
    if (early_ns := chunk.stamp_ns - now_ns) > min(chunk.step_ns, MAX_EARLY_NS):
        return (
            f"its stamp is {early_ns / 1e9:.2f} s in the future: check that the clocks of "
            "camera, policy and executor agree"
        )
    if consumption.between_s(chunk.stamp_ns, now_ns) * 1e9 > chunk.end_ns - chunk.stamp_ns:
        late_s = (now_ns - chunk.end_ns) / 1e9
        return f"all {len(chunk)} steps have passed, the last one {late_s:.2f} s ago"
    return None


class Refused(ValueError):
    """A chunk is not executed; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Bounded:
    """A chunk within the bounds; so many of its steps were moved to the border."""

    chunk: Chunk
    projected_steps: int


@dataclass(frozen=True, kw_only=True)
class Borders:
    """What the values of a chunk may be, looked at before a motion is computed from them.

    `longest_s` is how long a chunk may last, `margin_m` how far outside the workspace a step may
    lie that is moved to the border.
    """

    signal: str
    limits: Limits
    longest_s: float = LONGEST_S
    margin_m: float = MARGIN_M

    def bounded(self, chunk: Chunk) -> Bounded:
        """The chunk with a small excess projected; Refused where there is more.

        A few passes over the values, whatever they are.
        """
        if getattr(chunk, self.signal) is None:
            raise Refused(f"no {self.signal}, which output.profile of the robot file needs")
        if reason := wrong_numbers(chunk):
            raise Refused(reason)
        self._check_duration(chunk)
        moved = np.zeros(len(chunk), dtype=bool)
        poses, grips = chunk.ee_pose, chunk.grip
        if self.signal == "ee_pose" and poses is not None:
            poses, outside = self._inside(poses)
            moved |= outside
        if grips is not None:
            grips, outside = _closures(grips)
            moved |= outside
        count = int(moved.sum())
        if count:
            chunk = replace(chunk, ee_pose=poses, grip=grips)
        return Bounded(chunk=chunk, projected_steps=count)

    def _check_duration(self, chunk: Chunk) -> None:
        """How long it takes as it is, and slowed until its longest step keeps to the limits."""
        lasts_s = (len(chunk) - 1) * chunk.step_ns / 1e9
        if lasts_s > self.longest_s:
            raise Refused(
                f"it lasts {lasts_s:.1f} s, at most {self.longest_s:g} s are allowed "
                "(parameter longest_chunk)"
            )
        values: Array = getattr(chunk, self.signal)
        bounds = Bounds.of(self.limits, self.signal)
        steps = bounds.space.lengths(bounds.space.difference(values[1:], values[:-1]))
        factor = float((steps / bounds.velocity).max(initial=0.0)) / (chunk.step_ns / 1e9)
        if lasts_s * factor > LONGEST_SLOWED_S:
            raise Refused(
                f"its steps are so far apart that it would take {lasts_s * factor:.0f} s within "
                f"the velocity limits, at most {LONGEST_SLOWED_S:g} s are allowed"
            )

    def _inside(self, poses: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Poses (T, 7) with the positions in the workspace, and which of them (T,) were moved."""
        low, high = self.limits.workspace_min, self.limits.workspace_max
        if low is None or high is None:
            return poses, np.zeros(len(poses), dtype=bool)
        places = np.clip(poses[:, :3], low, high)
        excess = np.linalg.norm(poses[:, :3] - places, axis=1)
        # Those that are farther out are refused where the limits are looked at, in words.
        near = (excess > 0) & (excess <= self.margin_m)
        inside = np.where(near[:, None], places, poses[:, :3])
        return np.concatenate([inside, poses[:, 3:]], axis=1), near


def _closures(grips: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Grips (T,) in [0, 1], and which of them were moved there."""
    beyond = np.abs(grips - 0.5) > 0.5 + GRIP_EXCESS
    if beyond.any():
        step = int(np.argmax(beyond))
        raise Refused(f"step {step} has grip = {grips[step]:g}, allowed 0 to 1")
    closures = np.clip(grips, 0.0, 1.0)
    return closures, closures != grips
