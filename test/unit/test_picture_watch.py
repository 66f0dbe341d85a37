"""Cameras that send on time and show nothing, or nothing new."""

from __future__ import annotations

import numpy as np
import pytest

from groot_ros.observation.buffer import NotReady
from groot_ros.observation.picture_watch import PictureWatch
from groot_ros.observation.types import Observation
from groot_ros.signals.signals import arm_signals

S = 1_000_000_000


def seen(time_s: float, picture: np.ndarray, x: float = 0.5, joint: float = 0.0) -> Observation:
    return Observation(
        stamp_ns=int(time_s * S),
        images={"wrist": picture},
        instruction="",
        signals=arm_signals(
            ee_pose=np.array([x, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0]), joint_position=np.array([joint])
        ),
    )


def gray(level: int = 90, width: int = 64) -> np.ndarray:
    return np.full((48, width, 3), level, np.uint8)


def test_a_picture_may_stay_while_nothing_moves() -> None:
    watch = PictureWatch()
    for time_s in range(10):
        watch.check(seen(time_s, gray()))


@pytest.mark.parametrize("moved", [{"x": 0.53}, {"joint": 0.1}])
def test_a_picture_that_stays_while_the_arm_moves(moved: dict[str, float]) -> None:
    watch = PictureWatch()
    watch.check(seen(0.0, gray()))
    watch.check(seen(0.4, gray(), **moved))
    with pytest.raises(NotReady, match="camera wrist: the arm has moved .* not changed for 0.6 s"):
        watch.check(seen(0.6, gray(), **moved))
    other = gray()
    other[5, 5] += 1
    watch.check(seen(0.7, other, **moved))


def test_black_pictures() -> None:
    dark = gray(8)
    with pytest.raises(NotReady, match="camera wrist: its pictures are black"):
        PictureWatch().check(seen(0.0, dark))
    dark[3, 3] = 40
    PictureWatch().check(seen(0.0, dark))


def test_a_size_counts_for_an_episode() -> None:
    watch = PictureWatch()
    watch.check(seen(0.0, gray()))
    with pytest.raises(NotReady, match="its pictures are 32x48 now and were 64x48"):
        watch.check(seen(0.1, gray(width=32)))
    watch.check(seen(0.2, gray()))
    PictureWatch().check(seen(0.3, gray(width=32)))
