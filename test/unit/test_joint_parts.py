"""Joints that come in several messages, of robots with more than one publisher of them."""

from types import SimpleNamespace as Message

import numpy as np
import pytest

from groot_ros.data.playback.replay import StateCollector
from groot_ros.errors import UserError
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.observation.routes import routes
from groot_ros.robot.config import load_robot
from groot_ros.signals.kinds import JOINTS as JOINT_KIND

MS = 1_000_000
ROBOT = load_robot("sim")
JOINTS = ROBOT.observations.joint_position.joints
SLOPES = np.arange(1.0, len(JOINTS) + 1)
PICTURE = np.zeros((2, 2, 3), np.uint8)


class Arm:
    """An arm whose joints turn at a steady speed each, and what listens to it."""

    def __init__(self, buffer=None):
        self.buffer = buffer or ObservationBuffer(ROBOT, ("joint_position",), ("wrist",))
        [self.route] = [r for r in routes(self.buffer) if not r.is_camera]

    def tells(self, joints, ms):
        stamp = Message(sec=ms // 1000, nanosec=ms % 1000 * MS)
        numbers = [SLOPES[JOINTS.index(joint)] * ms / 1000 for joint in joints]
        message = Message(header=Message(stamp=stamp), name=list(joints), position=numbers)
        self.route.store(message, ms * MS)

    def at(self, ms, now_ms):
        """Its joints when a picture was taken, as they are known later."""
        self.buffer.add_image("wrist", ms * MS, lambda: PICTURE)
        return self.buffer.snapshot(now_ms * MS).signals["joint_position"]


def test_joints_of_several_publishers_are_put_together_at_their_stamps():
    """One of 50 Hz, one of 20 Hz, and one that is late and tells everything now and then."""
    arm = Arm()
    messages = [
        *((ms, ms + 1, JOINTS[:3]) for ms in range(1000, 2000, 20)),
        *((ms, ms + 30, JOINTS[3:6]) for ms in range(1007, 2000, 50)),
        *((ms, ms + 25, JOINTS if ms % 100 == 3 else JOINTS[5:]) for ms in range(1003, 2000, 25)),
    ]
    for ms, _, joints in sorted(messages, key=lambda m: m[1]):
        arm.tells(joints, ms)
    for ms in (1750, 1761, 1900):
        np.testing.assert_allclose(arm.at(ms, 1990), SLOPES * ms / 1000, atol=1e-9)


def test_a_joint_that_falls_silent_makes_the_arm_old():
    arm = Arm()
    for ms in range(1000, 2000, 10):
        arm.tells(JOINTS[:3], ms)
        if ms < 1500:
            arm.tells(JOINTS[3:], ms)
    np.testing.assert_allclose(arm.at(1400, 1500), SLOPES * 1.4, atol=1e-9)
    with pytest.raises(NotReady, match=r"s old.*has no joint 'fr3_joint4', only fr3_joint1"):
        arm.at(1900, 1990)


def test_what_was_told_in_a_silence_is_not_made_up_when_it_ends():
    kept = StateCollector(ROBOT, ("joint_position",))
    arm = Arm(kept)
    for ms in range(1000, 2000, 10):
        arm.tells(JOINTS[:3], ms)
        if not 1400 < ms < 1800:
            arm.tells(JOINTS[3:], ms)
    stamps = kept.samples["joint_position"].signal(JOINT_KIND).times_ns
    assert np.all((stamps <= 1400 * MS) | (stamps >= 1800 * MS)) and len(stamps) == 61


def test_a_clock_that_was_set_back_starts_anew():
    arm = Arm()
    for ms in (9000, 9010, 1000, 1010):
        arm.tells(JOINTS[:3], ms)
        arm.tells(JOINTS[3:], ms)
    np.testing.assert_allclose(arm.at(1005, 1011), SLOPES * 1.005, atol=1e-9)


def test_a_part_alone_is_told():
    arm = Arm()
    arm.tells(JOINTS[1:], 1000)
    with pytest.raises((NotReady, UserError), match="has no joint 'fr3_joint1', only fr3_joint2"):
        arm.at(1000, 1001)
