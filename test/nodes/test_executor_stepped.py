"""How soon the arm rests: the executor in a process of its own, on a clock that the test steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from stepped_robot import PERIOD_NS, Robot, stepped_robot

WATCHDOG_S = 0.5
# Speed of the circle 0.1 m/s, deceleration of the robot file 4 m/s^2, peak 1.5 times.
STOP_S = 0.1 / 4.0 * 1.5


@pytest.fixture(scope="module")
def shared(module_domain: int) -> Iterator[Robot]:
    with stepped_robot(watchdog=WATCHDOG_S) as robot:
        yield robot


@pytest.fixture
def robot(shared: Robot) -> Robot:
    """A robot that moves."""
    shared.chunks_come = shared.states_come = shared.chunks_are_whole = True
    assert shared.call(Trigger, "executor/resume", Trigger.Request()).success
    shared.step(1.0)
    assert shared.states[-1].activity == "executing"
    return shared


def fall_silent(robot: Robot) -> None:
    robot.chunks_come = False


def hide(robot: Robot) -> None:
    robot.states_come = False


def malform(robot: Robot) -> None:
    robot.chunks_are_whole = False


def press(robot: Robot) -> None:
    robot.estop.publish(Bool(data=True))


@pytest.mark.parametrize(
    ("fault", "words", "earliest_s", "latest_s"),
    [
        # The last chunk came up to 0.15 s before.
        (fall_silent, "nothing was heard from the policy", WATCHDOG_S - 0.16, WATCHDOG_S + STOP_S),
        # Five of them, one every 0.15 s.
        (malform, "too many chunks in a row were rejected", 0.3, 0.75 + STOP_S),
        (hide, "the robot's state is too old", 0.18, 0.22 + STOP_S),
        (press, "the emergency stop was pressed", 0.01, 0.02 + STOP_S),
    ],
)
def test_the_arm_rests_in_time(
    robot: Robot,
    fault: Callable[[Robot], None],
    words: str,
    earliest_s: float,
    latest_s: float,
) -> None:
    fault(robot)
    since_ns = robot.clock.time_ns
    robot.step(1.5)
    assert words in robot.states[-1].stop_reason
    assert earliest_s <= robot.moved_until_s(since_ns) <= latest_s
    robot.estop.publish(Bool(data=False))
    robot.step(0.05)


def test_commands_are_those_of_their_ticks(robot: Robot) -> None:
    begun = len(robot.commands)
    robot.step(0.5)
    stamps_ns = [stamp_ns for stamp_ns, _ in robot.commands[begun:]]
    assert len(stamps_ns) == 50
    assert np.all(np.diff(stamps_ns) == PERIOD_NS)
    assert stamps_ns[-1] == robot.clock.time_ns - PERIOD_NS
