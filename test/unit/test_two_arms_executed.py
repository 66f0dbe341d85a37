"""Two arms that execute chunks as one: limits of each, one phase, common stops, a distance."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from two_arms import ARMS, robot_values

from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.execution.admission import Refused
from groot_ros.chunks.execution.robot_motion import begin_motion, fit_ahead, robot_executor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.execution.together import ReachOfArms, robot_borders
from groot_ros.chunks.limits.pose_chunks import Unsolved
from groot_ros.errors import UserError
from groot_ros.geometry import pose_to_matrix
from groot_ros.robot.checking.activation import check_activation, unwatched
from groot_ros.robot.config import RobotConfig, parse_robot
from groot_ros.robot.kinematics import watched_points
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.signals import Signals, arm_signal

Array = np.ndarray
BEGIN_NS = 10**9
PERIOD_NS, STEP_NS = 10**7, 10**9 // 15
STEPS = 16
HOME = np.array([0.0, -0.3, 0.0, -2.2, 0.0, 2.0, 0.78])
BOTH = np.concatenate([HOME, HOME])


def pair(limits: Mapping[str, Mapping[str, Any]] | None = None, **changes: Any) -> RobotConfig:
    """The two arms, with other limits of some."""
    values = robot_values(**changes)
    for arm, entries in (limits or {}).items():
        values["arms"][arm]["limits"] |= entries
    return parse_robot(values, "pair.yaml")


def chunk_of(values: Mapping[str, Array], stamp_ns: int = BEGIN_NS) -> Chunk:
    specs = {arm_signal(name): steps for name, steps in values.items()}
    return Chunk(stamp_ns, STEP_NS, signals=Signals.of({s: v for s, v in specs.items() if s}))


def joints_chunk(
    left: Array,
    right: Array,
    stamp_ns: int = BEGIN_NS,
    grips: Mapping[str, Array] | None = None,
) -> Chunk:
    joints = {"left/joint_position": left, "right/joint_position": right}
    return chunk_of(joints | dict(grips or {}), stamp_ns)


class Run:
    """The executor of a robot of two arms, by a clock in the test's hand."""

    def __init__(self, robot: RobotConfig) -> None:
        self.robot = robot
        self.motion = robot_executor(
            robot, ExecutionSettings(period_s=PERIOD_NS / 1e9, watchdog_s=10.0)
        )
        self.reach, self.borders = ReachOfArms(robot), robot_borders(robot)
        self.now_ns, self.count = BEGIN_NS, 0
        self.setpoints: list[Setpoint] = []

    def take(self, chunk: Chunk, measured: Array = BOTH) -> str | None:
        """As the executor node does; the reason when it is refused."""
        try:
            bounded = self.borders.bounded(chunk)
            if self.motion.begins_anew:
                begin_motion(self.motion, self.reach, bounded.chunk, measured, self.now_ns)
            fitted = fit_ahead(
                self.motion, nullcontext(), lambda: self.now_ns, self.reach, bounded
            )
        except (Refused, Unsolved) as reason:
            return str(reason)
        self.count += 1
        return self.motion.accept(self.count, fitted.chunk, self.now_ns)

    def tick(self, count: int = 1) -> None:
        for _ in range(count):
            if setpoint := self.motion.setpoint(self.now_ns):
                self.setpoints.append(setpoint)
            self.now_ns += PERIOD_NS

    @property
    def commands(self) -> Array:
        return np.array([setpoint.value for setpoint in self.setpoints])

    @property
    def speeds(self) -> Array:
        return np.diff(self.commands, axis=0) / (PERIOD_NS / 1e9)


def moved(by: Array) -> Array:
    """Steps from home, each joint `by` so much in all, as fast at the beginning as at the end."""
    return HOME + np.linspace(0.0, 1.0, STEPS)[:, None] * by


@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 60.0]))
@trials(max_examples=6, deadline=None)
def test_no_arm_exceeds_its_limits_whatever_the_other_is_asked_for(
    seed: int, jerk: float | None
) -> None:
    rng = np.random.default_rng(seed)
    slow = {"joint_velocity": [0.4] * 7, "joint_acceleration": [2.0] * 7}
    robot = pair({"left": slow} | ({"right": {"joint_jerk": [jerk] * 7}} if jerk else {}))
    run = Run(robot)
    for _ in range(5):
        walks = [HOME + np.cumsum(0.03 * rng.normal(size=(STEPS, 7)), axis=0) for _ in ARMS]
        run.take(joints_chunk(*walks, stamp_ns=run.now_ns - 5 * PERIOD_NS))
        run.tick(int(rng.integers(5, 40)))
    run.motion.halt(StopReason.CANCELLED, run.now_ns)
    run.tick(200)
    assert len(run.setpoints) > 50 and run.motion.is_at_rest
    limits = robot.limits
    assert limits.joint_velocity and limits.joint_acceleration and limits.joint_deceleration
    hardest = np.maximum(limits.joint_acceleration, limits.joint_deceleration)
    assert np.all(np.abs(run.speeds) <= np.array(limits.joint_velocity) * 1.001)
    accelerations = np.diff(run.speeds, axis=0) / (PERIOD_NS / 1e9)
    assert np.all(np.abs(accelerations) <= hardest * 1.01 + 1e-6)


def test_the_slower_arm_says_how_fast_both_go_along_the_chunk() -> None:
    """Were each on its own, the right arm would be done in half of the time."""
    run = Run(pair({"left": {"joint_velocity": [0.3] * 7}}))
    left, right = np.eye(7)[0] * 0.6, np.eye(7)[1] * -0.6
    assert run.take(joints_chunk(moved(left), moved(right))) is None
    run.tick(400)
    way = run.commands - BOTH
    assert way[-1, 0] == pytest.approx(0.6, abs=0.02)
    # At every command both are as far along their own ways.
    np.testing.assert_allclose(way[:, 0], -way[:, 8], atol=1e-9)
    assert np.abs(run.speeds[:, 0]).max() == pytest.approx(0.28, abs=0.02)


def test_a_stop_is_one_deceleration_of_both() -> None:
    run = Run(pair({"right": {"joint_deceleration": [1.0] * 7}}))
    left, right = np.eye(7)[0] * 0.5, np.eye(7)[1] * -0.5
    assert run.take(joints_chunk(moved(left), moved(right))) is None
    run.tick(40)
    run.motion.halt(StopReason.ESTOP, run.now_ns)
    run.tick(300)
    assert run.motion.is_at_rest
    moving = np.abs(run.speeds[40:]) > 1e-9
    # The right one cannot stop faster; the left one, which could, comes to rest with it.
    assert np.flatnonzero(moving[:, 0])[-1] == np.flatnonzero(moving[:, 8])[-1]
    braking = np.diff(run.speeds[40:, 8]) / (PERIOD_NS / 1e9)
    assert np.abs(braking).max() <= 1.0 + 1e-6


def test_one_arm_that_does_not_follow_stops_both() -> None:
    run = Run(pair())
    left, right = np.eye(7)[0] * 0.9, np.eye(7)[1] * -0.9
    assert run.take(joints_chunk(moved(left), moved(right))) is None
    for _ in range(200):
        run.tick()
        stuck = np.concatenate([run.commands[-1][:7], HOME])
        run.motion.measured(stuck, run.now_ns)
    assert run.motion.stops.reason is StopReason.ASTRAY
    assert "from where it was sent" in run.motion.stops.sentence
    assert not run.speeds[-1].any()


def test_each_gripper_has_its_own_closure_and_decisions() -> None:
    run = Run(pair({arm: {"grip_speed": 2.0} for arm in ARMS}))
    opened, closed = np.zeros(STEPS), np.ones(STEPS)
    half = np.concatenate([opened[:8], closed[8:]])
    still = moved(np.zeros(7))
    chunk = joints_chunk(still, still, grips={"left/grip": half, "right/grip": closed})
    assert run.take(chunk) is None
    run.tick(150)
    lefts, rights = ([s.closure_of(f"{arm}/grip") for s in run.setpoints] for arm in ARMS)
    assert lefts[0] == 0.0 and lefts[-1] == 1.0 and set(rights) == {1.0}
    assert np.abs(np.diff(lefts)).max() <= 2.0 * PERIOD_NS / 1e9 + 1e-9
    assert run.motion.grip_goals == {"left/grip": 1.0, "right/grip": 1.0}


def test_a_chunk_without_one_arm_and_one_out_of_range_name_the_arm() -> None:
    run = Run(pair())
    assert run.take(chunk_of({"left/joint_position": moved(np.zeros(7))})) == (
        "arm right: no right/joint_position, which output.profile of the robot file needs"
    )
    far = run.take(joints_chunk(moved(np.zeros(7)), moved(np.eye(7)[0] * 4.0)))
    assert far and far.startswith("arm right: step") and "joint 1" in far


def test_poses_of_each_hand_become_joints_of_its_own_arm() -> None:
    values = robot_values()
    for arm in values["arms"].values():
        arm["output"]["kinematics"] = {"tool": "fr3_hand_tcp"}
    robot = parse_robot(values, "pair.yaml")
    assert robot.followed == ("left/ee_pose", "right/ee_pose")
    run = Run(robot)
    tool = tool_of(robot)
    start = tool.poses(HOME)[0]
    poses = {}
    for arm, way in (("left", 0.08), ("right", -0.06)):
        steps = np.tile(start, (STEPS, 1))
        steps[:, 1] += np.linspace(0.0, way, STEPS)
        poses[f"{arm}/ee_pose"] = steps
    assert run.take(chunk_of(poses)) is None
    run.tick(300)
    for index, way in enumerate((0.08, -0.06)):
        reached = tool.poses(run.commands[-1, 7 * index : 7 * index + 7])[0]
        np.testing.assert_allclose(reached[:3], start[:3] + [0, way, 0], atol=2e-3)


def tool_of(robot: RobotConfig) -> Any:
    from groot_ros.robot.kinematics import tool_kinematics

    arm = robot.arms["left"]
    return tool_kinematics(arm, load_urdf(arm.urdf))


POINT = {"tool": {"link": "fr3_hand_tcp", "min": [-2, -2, -2], "max": [2, 2, 2]}}
LEAST_M = 0.15


def facing() -> RobotConfig:
    """Arms that face each other over a table, whose tools stay apart."""
    values = robot_values(
        limits={"distances": {"tools": {"points": ["left/tool", "right/tool"], "least": LEAST_M}}}
    )
    for arm in values["arms"].values():
        arm["limits"]["points"] = POINT
    values["arms"]["left"]["placed"] = {}
    values["arms"]["right"]["placed"] = {"xyz": [1.4, 0, 0], "quat_wxyz": [0, 0, 0, 1]}
    return parse_robot(values, "pair.yaml")


def distances(robot: RobotConfig, joints: Array) -> Array:
    """From tool to tool, independently of what is tested, between the commands too."""
    times = np.arange((len(joints) - 1) * 4 + 1) / 4
    fine = np.stack([np.interp(times, np.arange(len(joints)), j) for j in joints.T], axis=1)
    found = []
    for index, arm in enumerate(robot.arms.values()):
        assert arm.placed
        places = watched_points(arm, load_urdf(arm.urdf)).positions(
            fine[:, 7 * index : 7 * index + 7]
        )[:, 0]
        base = pose_to_matrix(np.array(arm.placed))
        found.append(places @ base[:3, :3].T + base[:3, 3])
    return np.linalg.norm(found[0] - found[1], axis=1)


@given(st.integers(0, 2**32 - 1))
@trials(max_examples=6, deadline=None)
def test_arms_stop_rather_than_come_nearer_than_allowed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    robot = facing()
    run, here = Run(robot), BOTH
    assert distances(robot, np.stack([BOTH, BOTH])).min() > LEAST_M
    for _ in range(6):
        # Towards each other: both reach out over the table, in any way.
        reach = np.array([0.0, 0.5, 0.0, 0.7, 0.0, 0.0, 0.0]) + 0.2 * rng.normal(size=7)
        growth = np.linspace(0.0, 1.0, STEPS)[:, None] * reach
        ways = [part + growth for part in (here[:7], here[7:])]
        run.take(joints_chunk(*ways, stamp_ns=run.now_ns), measured=here)
        run.tick(60)
        if len(run.setpoints):
            here = run.commands[-1]
        run.motion.resume()
    run.motion.halt(StopReason.CANCELLED, run.now_ns)
    run.tick(100)
    if len(run.setpoints) > 1:
        assert distances(robot, run.commands).min() >= LEAST_M - 1e-6


def test_a_chunk_that_brings_the_hands_together_is_refused_and_one_apart_is_not() -> None:
    robot = facing()
    run = Run(robot)
    reach = np.array([0.0, 0.5, 0.0, 0.9, 0.0, 0.0, 0.0])
    both = [np.array(part) for part in (moved(reach), moved(reach))]
    ends = np.concatenate([part[-1] for part in both])
    assert distances(robot, np.stack([ends, ends])).min() < LEAST_M
    assert run.take(joints_chunk(*both)) == "it cannot be joined to the motion within the limits"
    assert run.take(joints_chunk(moved(reach * 0.1), moved(reach * 0.1))) is None


def test_what_the_executor_cannot_do_with_several_arms_is_one_sentence() -> None:
    values = robot_values()
    for name, arm in values["arms"].items():
        arm["output"] = {"profile": "pose", "topic": f"/{name}/target_pose"}
    with pytest.raises(UserError, match="profile is pose, expected one of joints"):
        check_activation(parse_robot(values, "pair.yaml"))
    missing = robot_values()
    del missing["arms"]["right"]["limits"]["joint_acceleration"]
    with pytest.raises(UserError, match="robot pair/right: limits.joint_acceleration missing"):
        check_activation(parse_robot(missing, "pair.yaml"))
    check_activation(pair())
    assert "pair/left and pair/right" in (unwatched(pair()) or "")
    apart = robot_values(
        limits={"distances": {"tools": {"points": ["left/tool", "right/tool"], "least": 0.1}}}
    )
    for arm in apart["arms"].values():
        arm["limits"]["points"] = POINT
    with pytest.raises(UserError, match="limits.distances.tools needs arms.left.placed"):
        ReachOfArms(parse_robot(apart, "pair.yaml"))
