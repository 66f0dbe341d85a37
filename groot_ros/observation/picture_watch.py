"""Pictures that a camera sends on time, but that show nothing, or nothing new.

The policy node, `convert` and `verify` judge by it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.observation.buffer import NotReady
from groot_ros.observation.types import Image, Observation
from groot_ros.signals.kinds import JOINTS, POSE, Kind

Array = NDArray[np.float64]

# No pixel of a black picture is brighter; of 255.
BLACK = 16
# A real picture never repeats to the last bit, a simulated one does while nothing moves.
FROZEN_NS = 500_000_000
MOVED_M, MOVED_RAD = 0.02, 0.05
SOME = 64
# Whether an arm has moved by a difference so much that its cameras must see it.
MOVED: Mapping[Kind, Callable[[Array], bool]] = {
    POSE: lambda difference: bool(np.linalg.norm(difference[:3]) > MOVED_M),
    JOINTS: lambda difference: bool(np.linalg.norm(difference) > MOVED_RAD),
}


@dataclass(frozen=True)
class _Shown:
    """A picture and the observation in which it was new."""

    picture: Image
    observation: Observation


class PictureWatch:
    """Looks at the pictures of one observation after the other, of one episode."""

    def __init__(self) -> None:
        self._sizes: dict[str, tuple[int, ...]] = {}
        self._shown: dict[str, _Shown] = {}

    def check(self, observation: Observation) -> None:
        """NotReady names a camera that is black, frozen or has changed its size."""
        for camera, picture in observation.images.items():
            self._check_size(camera, picture)
            if _is_black(picture):
                raise NotReady(f"camera {camera}: its pictures are black: look for a lens cap")
            self._check_news(camera, picture, observation)

    def _check_size(self, camera: str, picture: Image) -> None:
        size = self._sizes.setdefault(camera, picture.shape)
        if size != picture.shape:
            before, now = (f"{shape[1]}x{shape[0]}" for shape in (size, picture.shape))
            resized = f"camera {camera}: its pictures are {now} now and were {before}"
            raise NotReady(f"{resized}: set it back, or call ~/reset to go on", cause=resized)

    def _check_news(self, camera: str, picture: Image, observation: Observation) -> None:
        shown = self._shown.get(camera)
        if shown is None or not _is_same(shown.picture, picture):
            self._shown[camera] = _Shown(picture, observation)
            return
        passed_ns = observation.stamp_ns - shown.observation.stamp_ns
        if passed_ns > FROZEN_NS and _has_moved(shown.observation, observation):
            frozen = f"camera {camera}: the arm has moved and its picture has not changed"
            raise NotReady(
                f"{frozen} for {passed_ns / 1e9:.1f} s: restart its driver",
                cause=f"{frozen} for more than {FROZEN_NS / 1e9:.1f} s",
            )


def _is_black(picture: Image) -> bool:
    # A few rows tell most pictures from a black one.
    return bool(picture[::SOME].max() < BLACK and picture.max() < BLACK)


def _is_same(before: Image, now: Image) -> bool:
    # And from the one before.
    return np.array_equal(before[::SOME], now[::SOME]) and np.array_equal(before, now)


def _has_moved(before: Observation, now: Observation) -> bool:
    return any(
        MOVED[spec.kind](now.signals[spec.name] - before.signals[spec.name])
        for spec in now.signals.specs
        if spec.kind in MOVED and spec.name in before.signals
    )
