"""What keys and sticks ask of a hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.errors import UserError
from groot_ros.teleop.control import Speeds
from groot_ros.teleop.joystick import LAYOUTS, SILENT_S, Joystick
from groot_ros.teleop.keyboard import AXES, HOLD_S, Keyboard

SPEEDS = Speeds(linear=0.1, angular=0.5)
LIMITS = np.repeat([0.1, 0.5], 3)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32)


@pytest.mark.parametrize("key", AXES)
def test_a_key_moves_one_axis_for_a_moment(key: str) -> None:
    keyboard = Keyboard(SPEEDS)
    keyboard.press(key, 10.0)
    axis, way = AXES[key]
    twist = keyboard.twist(10.0 + HOLD_S / 2)
    assert twist[axis] == way * LIMITS[axis] and np.count_nonzero(twist) == 1
    keyboard.press(key, 10.0 + HOLD_S / 2)
    assert keyboard.twist(10.0 + 1.4 * HOLD_S)[axis] == way * LIMITS[axis]
    assert not keyboard.twist(10.0 + 1.6 * HOLD_S).any()


def test_other_keys_stop_scale_and_close() -> None:
    keyboard = Keyboard(SPEEDS)
    keyboard.press("w", 0.0)
    keyboard.press(" ", 0.1)
    assert not keyboard.twist(0.1).any()
    for _ in range(50):
        keyboard.press("-", 0.2)
    keyboard.press("w", 0.2)
    assert keyboard.twist(0.2)[0] == pytest.approx(0.01)
    assert keyboard.grip == 0.0
    keyboard.press("g", 0.2)
    assert keyboard.grip == 1.0
    keyboard.press("", 0.2)
    assert keyboard.twist(0.2)[0] == pytest.approx(0.01)


@given(
    st.sampled_from(sorted(LAYOUTS)),
    st.lists(NUMBERS, max_size=9),
    st.lists(st.integers(-1, 2), max_size=12),
)
def test_no_message_of_a_stick_asks_for_more(
    layout: str, axes: list[float], buttons: list[int]
) -> None:
    stick = Joystick(LAYOUTS[layout], SPEEDS)
    stick.hear(axes, buttons, 1.0)
    twist = stick.twist(1.0)
    assert np.all(np.isfinite(twist)) and np.all(np.abs(twist) <= LIMITS)
    assert not stick.twist(1.1 + SILENT_S).any()


def test_a_gamepad_moves_only_while_it_is_held_and_its_button_toggles_once() -> None:
    stick = Joystick(LAYOUTS["gamepad"], SPEEDS)
    axes = [0.0, 1.0, 0.0, 0.05, 0.0, 0.0, 0.0, 0.0]
    stick.hear(axes, [0, 0, 0, 0, 0], 0.0)
    assert not stick.twist(0.0).any()
    stick.hear(axes, [0, 1, 0, 0, 1], 0.1)
    assert stick.twist(0.1).tolist() == [0.1, 0.0, 0.0, 0.0, 0.0, 0.0]
    stick.hear(axes, [0, 1, 0, 0, 1], 0.2)
    assert stick.grip == 1.0
    stick.hear(axes, [0, 0, 0, 0, 1], 0.3)
    stick.hear(axes, [0, 1, 0, 0, 1], 0.4)
    assert stick.grip == 0.0


def test_speeds_that_are_none_are_refused() -> None:
    with pytest.raises(UserError, match="expected more than 0"):
        Speeds(linear=0.0)
