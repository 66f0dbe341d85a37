"""Lags of made motions, and numbers set in files of any layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.interpolate import CubicSpline

from groot_ros.calibration.latency import ArmMotion, camera_lag, pose_lag
from groot_ros.calibration.matching import NotEstimable
from groot_ros.calibration.recording import CalibrationRecording
from groot_ros.calibration.response import find_response
from groot_ros.calibration.robot_file import setting_lines, write_with_settings
from groot_ros.data.playback.signals import Signal
from groot_ros.errors import UserError
from groot_ros.observation.fields import NS
from groot_ros.robot.config import load_robot, robot_names, robot_path
from groot_ros.signals.kinds import POSE, VECTOR

SECONDS = 12.0
DOWN = np.array([0.0, 1.0, 0.0, 0.0])


def motion(rng: np.random.Generator) -> CubicSpline:
    """Positions that stop and go."""
    times_s = np.arange(0.0, SECONDS + 2.0, 0.7)
    return CubicSpline(times_s, np.cumsum(rng.normal(0.0, 0.05, (len(times_s), 3)), axis=0))


def signal(times_s: np.ndarray, values: np.ndarray, is_pose: bool = False) -> Signal:
    times_ns = np.round((times_s + 1e6) * NS).astype(np.int64)
    if is_pose:
        values = np.concatenate([values, np.tile(DOWN, (len(values), 1))], axis=1)
    return Signal(times_ns, values, POSE if is_pose else VECTOR)


def pictures(way: CubicSpline, latency_s: float, rng: np.random.Generator, noise: float) -> Signal:
    """Changes between pictures of a jittering 30 Hz camera, whose gain wanders and saturates."""
    stamps_s = np.arange(0.5, SECONDS, 1 / 30) + rng.uniform(
        -0.004, 0.004, int((SECONDS - 0.5) * 30)
    )
    taken_s = stamps_s - latency_s
    moved = np.linalg.norm(np.diff(way(taken_s), axis=0), axis=1)
    gain = 800.0 * (1.5 + np.sin(stamps_s[1:] / 3))
    changes = 10.0 * np.tanh(gain * moved / 10.0) + noise * np.abs(rng.normal(size=len(moved)))
    return signal(stamps_s, np.append(0.0, changes))


def recording(**parts: dict[str, Signal]) -> CalibrationRecording:
    empty: dict[str, Signal] = {}
    return CalibrationRecording(
        states=parts.get("states", empty),
        changes=parts.get("changes", empty),
        commands=parts.get("commands", empty),
        ages_s={},
    )


def seen_arm(seed: int, camera_s: float, state_s: float, noise: float) -> CalibrationRecording:
    rng = np.random.default_rng(seed)
    way = motion(rng)
    times_s = np.arange(0.0, SECONDS, 0.01)
    hand = signal(times_s, way(times_s - state_s), is_pose=True)
    return recording(
        states={"ee_pose": hand}, changes={"wrist": pictures(way, camera_s, rng, noise)}
    )


@pytest.mark.parametrize("seed", range(6))
def test_a_camera_is_later_than_states_by_the_difference(seed: int) -> None:
    camera_s, state_s = np.random.default_rng(seed).uniform(0.0, [0.25, 0.1])
    made = [seen_arm(seed + index, camera_s, state_s, noise=0.3) for index in range(2)]
    matched, shown = camera_lag(made, [ArmMotion(hand=m.states["ee_pose"]) for m in made], "wrist")
    # Three standard deviations of what so much of such pictures tells.
    assert matched.estimate.value_s == pytest.approx(camera_s - state_s, abs=0.007)
    assert len(shown.seen) == len(shown.told) == len(shown.times_s)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(20):
        made = seen_arm(1000 + seed, 0.05, 0.0, noise=1.0)
        estimate = camera_lag([made], [ArmMotion(hand=made.states["ee_pose"])], "wrist")[
            0
        ].estimate
        inside += estimate.low_s - 1e-3 <= 0.05 <= estimate.high_s + 1e-3
    # Of 20 at 95 %, three in a thousand times fewer than 16.
    assert inside >= 16


def test_what_one_pose_tells_of_the_joints_clock() -> None:
    rng = np.random.default_rng(3)
    way, times_s = motion(rng), np.arange(0.0, SECONDS, 0.01)
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    hand = signal(times_s, way(times_s - 0.02), is_pose=True)
    joints = signal(times_s, way(times_s - 0.05) @ turned + rng.normal(0, 1e-5, (len(times_s), 3)))
    matched = pose_lag([recording(states={"ee_pose": hand, "joint_position": joints})])
    assert matched.estimate.value_s == pytest.approx(-0.03, abs=0.001)


@pytest.mark.parametrize("seed", range(5))
def test_delay_and_time_constant_are_told_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    delay_s, constant_s, sag_m = rng.uniform([0.0, 0.02, 0.0], [0.15, 0.2, 0.05])
    way, fine_s = motion(rng), np.arange(0.0, SECONDS, 0.001)
    told_s = np.arange(0.0, SECONDS, 1 / 30)
    told = way(told_s)
    newest = np.searchsorted(told_s, fine_s - delay_s, side="right") - 1
    held, keep = told[np.maximum(newest, 0)], np.exp(-0.001 / constant_s)
    hand = np.empty_like(held)
    hand[0] = told[0]
    for index in range(len(held) - 1):
        hand[index + 1] = keep * hand[index] + (1 - keep) * held[index]
    hand = hand[::10] + rng.normal(0.0, 2e-4, hand[::10].shape) - [0.0, 0.0, sag_m]
    found = find_response(
        [
            recording(
                states={"ee_pose": signal(fine_s[::10], hand, is_pose=True)},
                commands={"ee_pose": signal(told_s, told, is_pose=True)},
            )
        ],
        "ee_pose",
    )
    assert found.delay.value_s == pytest.approx(delay_s, abs=0.006)
    assert found.time_constant.value_s == pytest.approx(constant_s, abs=0.006)
    assert found.total.value_s == pytest.approx(delay_s + constant_s, abs=0.003)


def test_a_hand_that_goes_its_own_way_has_no_lag() -> None:
    rng = np.random.default_rng(0)
    times_s = np.arange(0.0, SECONDS, 0.01)
    with pytest.raises(NotEstimable, match="as measured does not follow ee_pose as commanded"):
        find_response(
            [
                recording(
                    states={"ee_pose": signal(times_s, motion(rng)(times_s), is_pose=True)},
                    commands={"ee_pose": signal(times_s, motion(rng)(times_s), is_pose=True)},
                )
            ],
            "ee_pose",
        )


SETTINGS = {
    "observations.cameras.exterior.latency": 0.034,
    "observations.joint_position.latency": 0.002,
    "lag.delay": 0.016,
    "lag.time_constant": 0.03,
    "lag.grip": 0.82,
}


@pytest.mark.parametrize("name", [n for n in robot_names() if not load_robot(n).arms])
def test_numbers_are_set_and_nothing_else_changes(name: str, tmp_path: Path) -> None:
    source, output = robot_path(name), tmp_path / "new.yaml"
    write_with_settings(source, SETTINGS, output)
    new, old = load_robot(output), load_robot(name)
    assert new.observations.cameras["exterior"].latency_s == 0.034
    assert new.observations.cameras["wrist"] == old.observations.cameras["wrist"]
    assert new.lag and new.lag.grip_s == 0.82
    before, after = source.read_text().splitlines(), output.read_text().splitlines()
    kept = [line for line in before if line in after]
    assert len(kept) >= len(before) - 1 and [line for line in after if line in kept] == kept
    # Set again, they are replaced where they stand.
    write_with_settings(output, SETTINGS | {"lag.grip": 0.5}, tmp_path / "again.yaml")
    again = (tmp_path / "again.yaml").read_text().splitlines()
    assert len(again) == len(after) and again[-1].endswith("grip: 0.5}")


LAYOUTS = {
    "block": "a:\n  b:\n    x: 1  # one\n  # of c\n  c: 2\n",
    "no end of line": "a:\n  b: {x: 1}\n  c: 2",
    "flow": "a: {b: {x: 1}, c: 2}  # all\nd: [1, 2]\n",
    "other": "# first\n---\nd: 1\na:\n    b:\n        x: [1,\n            2]\n    c: 'two'\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("keys", [("a.b.y",), ("a.b.x", "e.f"), ("a.c", "a.g.h.i", "e")])
def test_any_layout_takes_numbers(text: str, keys: tuple[str, ...], tmp_path: Path) -> None:
    source, output = tmp_path / "old.yaml", tmp_path / "new.yaml"
    source.write_text(text)
    values = yaml.safe_load(text)
    for number, key in enumerate(keys):
        *above, last = key.split(".")
        below = values
        for name in above:
            below = below.setdefault(name, {})
        below[last] = number / 8
    write_with_settings(source, {key: n / 8 for n, key in enumerate(keys)}, output)
    assert yaml.safe_load(output.read_text()) == values
    comments = [line.split("#")[1] for line in text.splitlines() if "#" in line]
    assert all(f"#{comment}" in output.read_text() for comment in comments)


def test_a_layout_that_shares_values_is_left_to_the_user(tmp_path: Path) -> None:
    source, output = tmp_path / "old.yaml", tmp_path / "new.yaml"
    source.write_text("one: &camera {x: 1}\ntwo: *camera\n")
    with pytest.raises(UserError, match="aliases"):
        write_with_settings(source, {"two.y": 1.0}, output)
    assert list(tmp_path.iterdir()) == [source]
    assert setting_lines({"two.y": 1.0}) == ["two:", "  y: 1.0"]
