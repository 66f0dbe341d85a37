"""The test pattern of a camera that is not there."""

from __future__ import annotations

import numpy as np
import pytest

from groot_ros.observation.buffer import NotReady
from groot_ros.observation.picture_watch import FROZEN_NS, PictureWatch
from groot_ros.observation.types import Observation
from groot_ros.signals.signals import arm_signals
from groot_ros.sim.fake.pattern import Pattern


@pytest.mark.parametrize("size", [(64, 48), (640, 480), (320, 180)])
def test_the_pattern_is_taken_for_a_living_camera(size: tuple[int, int]) -> None:
    pattern, watch = Pattern("wrist", *size), PictureWatch()
    frozen = pattern.picture(0.0)

    def observation(picture: np.ndarray, time_s: float) -> Observation:
        joints = np.full(7, time_s)
        return Observation(
            round(time_s * 1e9), {"wrist": picture}, "", signals=arm_signals(joint_position=joints)
        )

    for time_s in np.arange(0.0, 6.0, 1 / 30):
        picture = pattern.picture(time_s)
        assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8
        watch.check(observation(picture, time_s))
    # It is the motion that keeps the watch content.
    watch = PictureWatch()
    watch.check(observation(frozen, 0.0))
    with pytest.raises(NotReady, match="its picture has not changed"):
        watch.check(observation(frozen, 2 * FROZEN_NS / 1e9))


def test_pictures_tell_cameras_and_times_apart() -> None:
    one, other = Pattern("exterior", 320, 240), Pattern("wrist", 320, 240)
    assert np.any(one.picture(1.0) != other.picture(1.0))
    assert np.any(one.picture(1.0) != one.picture(1.001))
