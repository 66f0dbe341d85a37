"""Tasks: which words mean them, and when they are done."""

from __future__ import annotations

import pytest

from groot_ros.errors import UserError
from groot_ros.sim.scene import CUBE_COLORS
from groot_ros.sim.tasks import KINDS, SuccessTest, Task

STEP_S = 0.01


def run(task, states, seconds=1.0):
    """Whether the task succeeded after each (tcp, cube) held for some time."""
    test = SuccessTest(task)
    for tcp, cube in states:
        for _ in range(round(seconds / STEP_S)):
            test.update(tcp, cube, STEP_S)
    return test.succeeded


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("color", CUBE_COLORS)
def test_instruction_means_its_task(kind, color) -> None:
    assert Task.parse(Task(kind, color).instruction) == Task(kind, color)


def test_words_are_read_loosely() -> None:
    assert Task.parse("Pick the BLUE cube up.") == Task("pick", "blue")
    assert Task.parse("reach") == Task("reach", "red")


@pytest.mark.parametrize(
    "words",
    ["", "fold the towel", "pick or reach", "pick the red blue cube", "pick up the purple cube"],
)
def test_other_words_are_refused(words) -> None:
    with pytest.raises(UserError, match="no task of the simulated robot"):
        Task.parse(words)


CUBE = (0.5, 0.1, 0.02)


@pytest.mark.parametrize(
    ("tcp", "done"),
    [
        ((0.5, 0.1, 0.045), True),
        ((0.51, 0.1, 0.05), True),
        ((0.5, 0.1, 0.07), False),
        ((0.53, 0.1, 0.04), False),
    ],
)
def test_reach(tcp, done) -> None:
    assert run(Task("reach"), [(tcp, CUBE)]) is done


def test_passing_by_is_not_reaching() -> None:
    assert not run(Task("reach"), [((0.5, 0.1, 0.045), CUBE), ((0.5, 0.1, 0.2), CUBE)], 0.1)


@pytest.mark.parametrize(
    ("tcp", "cube", "done"),
    [
        ((0.5, 0.1, 0.09), (0.5, 0.1, 0.09), True),
        ((0.5, 0.1, 0.06), (0.5, 0.1, 0.06), False),
        ((0.5, 0.1, 0.02), CUBE, False),
        ((0.6, 0.1, 0.3), (0.5, 0.1, 0.09), False),
    ],
)
def test_pick(tcp, cube, done) -> None:
    assert run(Task("pick"), [(tcp, cube)]) is done


def test_success_stays() -> None:
    held = ((0.5, 0.1, 0.15), (0.5, 0.1, 0.15))
    assert run(Task("pick"), [held, ((0.5, 0.1, 0.15), CUBE)])
