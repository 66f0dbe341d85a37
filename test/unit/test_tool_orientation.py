"""A cone and a twist of the tool: what they are, and that no command leaves them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.benchmarks.safety import LimitTrial
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.admission import Borders
from groot_ros.chunks.limits.bounds import refusal
from groot_ros.chunks.limits.tool_orientation import MARGIN_RAD, ToolOrientation
from groot_ros.errors import UserError
from groot_ros.geometry import interpolate_pose, multiply_quats, rotvec_to_quat
from groot_ros.robot.checking.activation import check_activation
from groot_ros.robot.config import load_robot, robot_path
from groot_ros.robot.limits import AXES, OrientationLimit
from groot_ros.signals.signals import EE_POSE, Signals

LIMIT = OrientationLimit(tool_axis="z", base_axis="-z", cone_rad=0.5, twist_rad=(-0.7, 1.2))
TOOL = ToolOrientation(LIMIT)
DOWN = np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])
turns = st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3).map(np.array)


def turned(rotvec: np.ndarray, pose: np.ndarray = DOWN) -> np.ndarray:
    return np.concatenate([pose[:3], multiply_quats(rotvec_to_quat(rotvec), pose[3:])])


def poses_of(chunk: Chunk) -> np.ndarray:
    return chunk.signals["ee_pose"]


def chunk_of(poses: np.ndarray) -> Chunk:
    return Chunk(0, 10**9 // 15, signals=Signals.of({EE_POSE: poses}))


def test_tilt_and_twist_are_the_angles_that_an_operator_sees() -> None:
    _, tilt, twist = TOOL.turned(DOWN)
    assert tilt == pytest.approx(0.0) and twist == pytest.approx(0.0)
    _, tilt, twist = TOOL.turned(turned(np.array([0.3, 0.0, 0.0])))
    assert tilt == pytest.approx(0.3) and twist == pytest.approx(0.0, abs=1e-9)
    # About the base's -z axis, so the other way round seen from above.
    _, tilt, twist = TOOL.turned(turned(np.array([0.0, 0.0, -0.4])))
    assert tilt == pytest.approx(0.0, abs=1e-9) and twist == pytest.approx(0.4)


@settings(deadline=None)
@given(st.sampled_from(AXES), st.sampled_from(AXES))
def test_the_reference_has_neither(tool_axis: str, base_axis: str) -> None:
    tool = ToolOrientation(replace(LIMIT, tool_axis=tool_axis, base_axis=base_axis))
    _, tilt, twist = tool.turned(np.concatenate([DOWN[:3], tool.reference]))
    assert tilt == pytest.approx(0.0, abs=1e-7) and twist == pytest.approx(0.0, abs=1e-7)


def test_the_border_that_is_drawn_is_that_of_the_cone() -> None:
    np.testing.assert_allclose(TOOL.rim(7) @ [0, 0, -1], np.cos(0.5), atol=1e-12)


@settings(deadline=None)
@given(turns)
def test_a_pose_is_moved_into_the_cone_and_no_farther(turn: np.ndarray) -> None:
    pose = turned(turn)[None]
    inside = TOOL.projected(pose, 1e-3)
    assert TOOL.beyond(inside).max() <= 0
    if TOOL.beyond(pose).max() < -2e-3:
        np.testing.assert_allclose(np.abs(inside @ pose.T), np.abs(pose @ pose.T), atol=1e-12)


@settings(deadline=None)
@given(turns, st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=3).map(np.array))
def test_what_is_between_two_poses_is_bounded(turn: np.ndarray, more: np.ndarray) -> None:
    start = turned(0.5 * turn)
    ends = np.stack([start, turned(more, start)])
    between = interpolate_pose(ends[:1], ends[1:], np.linspace(0, 1, 30))
    if TOOL.turned(between)[1].max() < 1.5:
        assert np.all(TOOL.beyond(between) <= TOOL.depth(ends)[0] + 1e-9)


def test_a_step_a_little_outside_is_moved_and_counted_and_more_is_refused() -> None:
    robot = load_robot("sim")
    limits = replace(robot.limits, orientation=LIMIT)
    angles = np.linspace(0.0, 0.5 + MARGIN_RAD / 2, 12)
    poses = np.array([turned(np.array([angle, 0.0, 0.0])) for angle in angles])
    bounded = Borders(signal=EE_POSE, limits=limits).bounded(chunk_of(poses))
    assert bounded.projected_steps == np.sum(angles > 0.5 + 1e-6)
    assert refusal(bounded.chunk, EE_POSE, limits) is None
    far = np.array([turned(np.array([angle, 0.0, 0.0])) for angle in (0.0, 0.7)])
    assert refusal(chunk_of(far), EE_POSE, limits) == (
        "step 1 turns the tool's z axis 0.700 rad away from the base's -z axis, at most 0.5 rad "
        "are allowed (limits.orientation.cone)"
    )
    twisted = np.array([turned(np.array([0.0, 0.0, angle])) for angle in (0.0, 0.9)])
    assert refusal(chunk_of(twisted), EE_POSE, limits) == (
        "step 1 turns the tool by -0.900 rad about its z axis, allowed -0.7 to 1.2 "
        "(limits.orientation.twist)"
    )


@pytest.mark.parametrize("robot", ["sim", "franka"])
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10**6), cone=st.sampled_from([0.1, 0.5, 1.2]), twists=st.booleans())
def test_no_command_leaves_cone_and_twist(
    robot: str, seed: int, cone: float, twists: bool
) -> None:
    config = load_robot(robot)
    limit = replace(LIMIT, cone_rad=cone, twist_rad=LIMIT.twist_rad if twists else None)
    limits = replace(config.limits, orientation=limit)
    trial = LimitTrial(limits, EE_POSE, 7, 1.0 / config.output.rate_hz, seed=seed)
    found = trial.run(300)
    assert found.is_safe, found


def load(tmp_path, orientation: str, profile: str = "pose"):
    text = robot_path("sim").read_text()
    text = text.replace("  linear_velocity: 0.5\n", f"{orientation}  linear_velocity: 0.5\n")
    text = text.replace("profile: pose", f"profile: {profile}")
    (path := tmp_path / "robot.yaml").write_text(text)
    return load_robot(str(path))


def test_the_file_sets_it(tmp_path) -> None:
    robot = load(
        tmp_path,
        "  orientation: {tool_axis: z, base_axis: -z, cone: 0.5, twist: [-0.7, 1.2]}\n",
    )
    assert robot.limits.orientation == LIMIT
    check_activation(robot)


@pytest.mark.parametrize(
    ("line", "profile", "words"),
    [
        ("{tool_axis: w, base_axis: z, cone: 0.5}", "pose", "tool_axis is 'w', expected one of"),
        ("{tool_axis: z, base_axis: z}", "pose", "limits.orientation.cone"),
        ("{tool_axis: z, base_axis: z, cone: 2.0}", "pose", "is 2 rad, expected 0.02 to 1.4"),
        ("{tool_axis: z, base_axis: z, cone: 1.0, twist: [1, 0]}", "pose", "shorter than a turn"),
        ("{tool_axis: z, base_axis: z, cone: 1.0, twist: [-4, 4]}", "pose", "shorter than a turn"),
        ("{tool_axis: z, base_axis: z, cone: .nan}", "pose", "cone"),
        ("{tool_axis: z, base_axis: z, cone: 1.0}", "joint_stream", "bound two points"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, line: str, profile: str, words: str) -> None:
    with pytest.raises(UserError, match=words.replace("[", r"\[")):
        check_activation(load(tmp_path, f"  orientation: {line}\n", profile))
