"""An operator in place of the policy: smooth both ways, and within the limits whatever is sent."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.activations import FollowedActivation
from groot_ros.chunks.execution.admission import Refused
from groot_ros.chunks.execution.joining import accept_ahead
from groot_ros.chunks.execution.reach import Reach, needs_reach
from groot_ros.chunks.execution.robot_motion import (
    begin_motion,
    fit_ahead,
    robot_executor,
)
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.execution.together import ReachOfArms, places_of, robot_borders
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.pose_chunks import Unsolved
from groot_ros.chunks.takeover.leading import STEP_S
from groot_ros.chunks.takeover.teleoperation import ExecutorAccess, Teleoperation
from groot_ros.chunks.takeover.turn import Control
from groot_ros.errors import UserError
from groot_ros.files.config_file import read_yaml
from groot_ros.robot.config import RobotConfig, load_robot, parse_robot
from groot_ros.robot.urdf import load_urdf
from groot_ros.share import share_file
from groot_ros.signals.signals import Signals, arm_signal
from groot_ros.signals.space import PoseSpace

Array = np.ndarray
BEGIN_NS = 10**9
TICK_NS = round(STEP_S * 1e9)
NOT_ITS_TURN = "it is not its turn"
HOMES = {
    "sim": np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0]),
    "so101": np.array([0.0, -1.2, 1.2, 1.0, 0.0]),
    "aloha": np.array([0.0, -0.9, 1.1, 0.0, 0.3, 0.0] * 2),
}


def sim(**operator: Any) -> RobotConfig:
    """The simulated arm with another operator."""
    values = read_yaml(share_file("config/robots/sim.yaml"))
    values["operator"] = operator or values["operator"]
    return parse_robot(values, "sim.yaml")


POSES = sim(ee_pose={"topic": "hand"})
ROBOTS = {
    "twist": sim(),
    "pose": POSES,
    "leader": load_robot("so101"),
    "leaders": load_robot("aloha"),
}


def stamp(now_ns: int, frame: str = "fr3_link0") -> SimpleNamespace:
    time = SimpleNamespace(sec=now_ns // 10**9, nanosec=now_ns % 10**9)
    return SimpleNamespace(stamp=time, frame_id=frame)


def xyz(values: Any) -> SimpleNamespace:
    return SimpleNamespace(**dict(zip("xyz", map(float, values), strict=True)))


def pose_message(now_ns: int, pose: Any, frame: str = "fr3_link0") -> SimpleNamespace:
    rotation = SimpleNamespace(**dict(zip("wxyz", map(float, pose[3:]), strict=True)))
    held = SimpleNamespace(position=xyz(pose[:3]), orientation=rotation)
    return SimpleNamespace(header=stamp(now_ns, frame), pose=held)


def twist_message(now_ns: int, twist: Any, frame: str = "fr3_link0") -> SimpleNamespace:
    held = SimpleNamespace(linear=xyz(twist[:3]), angular=xyz(twist[3:]))
    return SimpleNamespace(header=stamp(now_ns, frame), twist=held)


def leader_message(now_ns: int, joints: Any, robot: str = "leader") -> SimpleNamespace:
    names = list(ROBOTS[robot].each_arm[0].joints)
    positions = [*map(float, joints[: len(names)])]
    return SimpleNamespace(header=stamp(now_ns), name=names, position=positions)


class Stage:
    """An executor and a takeover over a handed clock; the robot is where it was commanded."""

    def __init__(self, robot: RobotConfig, home: Array) -> None:
        self.robot = robot
        self.period_ns = round(1e9 / robot.output.rate_hz)
        settings = ExecutionSettings(period_s=self.period_ns / 1e9)
        self.motion = robot_executor(robot, settings)
        self.borders = robot_borders(robot)
        self.reach: Reach | ReachOfArms | None = None
        if robot.arms:
            self.reach = ReachOfArms(robot)
        elif needs_reach(robot):
            self.reach = Reach(robot, load_urdf(robot.urdf))
        self.following = FollowedActivation()
        access = ExecutorAccess(
            motion=self.motion,
            guard=nullcontext(),
            following=self.following,
            execute=self.execute,
            measured=lambda _: self.place,
            reach=lambda: self.reach,
            clock=lambda: self.now_ns,
        )
        self.operator = Teleoperation(robot, access)
        self.takeover = self.operator.takeover
        self.now_ns, self.count, self.refusal = BEGIN_NS, 0, ""
        self.place, self.commands = home, [home]

    def receive(self, message: Any, arm: int = 0) -> None:
        self.takeover.arms[arm].motion.receive(message, self.now_ns)

    def execute(self, chunk_id: int, chunk: Chunk) -> str | None:
        """As the node does."""
        if self.refusal:
            return self.refusal
        try:
            bounded = self.borders.bounded(chunk)
            if self.motion.begins_anew:
                begin_motion(self.motion, self.reach, chunk, self.place, self.now_ns)
            clock = lambda: self.now_ns  # noqa: E731
            fitted = fit_ahead(self.motion, nullcontext(), clock, self.reach, bounded)
        except (Refused, Unsolved) as reason:
            return str(reason)
        return accept_ahead(self.motion, nullcontext(), clock, chunk_id, fitted.chunk)

    def take_over(self) -> None:
        assert self.operator.take_over() is None

    def hand_back(self) -> None:
        assert self.operator.hand_back() is None

    def tick(self) -> None:
        """One period of the operator's chunks, and the commands in it."""
        assert self.operator.step() is None
        self.pass_period()

    def pass_period(self) -> None:
        for _ in range(TICK_NS // self.period_ns):
            self.now_ns += self.period_ns
            setpoint = self.motion.setpoint(self.now_ns)
            if setpoint:
                self.place = setpoint.value
                self.commands.append(self.place)
                self.motion.measured(self.place, self.now_ns)

    def policy_chunk(self, way: Array, stamp_ns: int) -> str | None:
        """A chunk of the policy that leads along a way in a second, where it may."""
        if not self.operator.lets(stamp_ns):
            return NOT_ITS_TURN
        signal, era = self.robot.output.commanded, self.following.era
        steps = signal.kind.space.displace(self.place, np.linspace(0, 1, 16)[:, None] * way)
        signals = {signal: steps}
        if self.robot.arms:
            places = places_of(self.robot)
            signals = {
                arm_signal(f"{arm}/joint_position"): steps[:, places[arm]] for arm in places
            }
        self.count += 1
        chunk = Chunk(stamp_ns, 10**9 // 15, era, signals=Signals.of(signals))
        return self.execute(self.count, chunk)

    def check(self) -> None:
        """Commands keep to range, velocity and acceleration of the robot file."""
        bounds = Bounds.of(self.robot.limits, self.robot.output.commanded.kind)
        commands, period_s = np.array(self.commands), self.period_ns / 1e9
        ways = bounds.space.difference(commands[1:], commands[:-1])
        places = bounds.space.places(commands)
        assert np.all(places >= bounds.lower - 1e-6) and np.all(places <= bounds.upper + 1e-6)
        speeds = bounds.space.lengths(ways / period_s)
        assert np.all(speeds <= bounds.velocity * (1 + 1e-6))
        most = np.maximum(bounds.acceleration, bounds.deceleration)
        changes = bounds.space.lengths(np.diff(ways, axis=0) / period_s**2)
        assert np.all(changes <= most * 1.01)


def moving_stage(robot: RobotConfig = ROBOTS["twist"]) -> Stage:
    """A policy moves the simulated arm along y."""
    stage = Stage(robot, HOMES["sim"])
    assert stage.policy_chunk(0.1 * np.eye(6)[1], stage.now_ns) is None
    for _ in range(6):
        stage.tick()
    assert stage.takeover.control is Control.POLICY and stage.place[1] > 0.01
    return stage


def steer(stage: Stage, twist: Any, ticks: int) -> None:
    for _ in range(ticks):
        stage.receive(twist_message(stage.now_ns, twist))
        stage.tick()


def test_a_twist_takes_over_from_where_the_arm_is_and_hands_back_at_rest() -> None:
    stage = moving_stage()
    stage.take_over()
    assert stage.policy_chunk(np.zeros(6), stage.now_ns) == NOT_ITS_TURN
    steer(stage, [0, 0, 0.1, 0, 0, 0], 40)
    assert stage.takeover.control is Control.OPERATOR and not stage.takeover.hint
    assert stage.place[2] == pytest.approx(0.3 + 0.1 * 1.7, abs=0.04)
    before_ns = stage.now_ns
    stage.hand_back()
    assert stage.policy_chunk(np.zeros(6), stage.now_ns) == NOT_ITS_TURN
    for _ in range(10):
        stage.tick()
    assert stage.motion.is_at_rest
    assert stage.policy_chunk(np.zeros(6), before_ns) == NOT_ITS_TURN
    there = stage.place
    assert stage.policy_chunk(0.1 * np.eye(6)[1], stage.now_ns) is None
    for _ in range(10):
        stage.tick()
    assert stage.place[1] > there[1] + 0.02 and stage.motion.stops.sentence == ""
    stage.check()


def test_a_silent_operator_holds_the_arm_and_may_go_on() -> None:
    stage = moving_stage()
    stage.take_over()
    steer(stage, [0.2, 0, 0, 0, 0, 0], 20)
    for _ in range(100):
        stage.tick()
    assert stage.motion.is_at_rest and not stage.motion.stops.blocked
    assert stage.takeover.control is Control.HANDOVER
    assert stage.takeover.hint == "nothing is heard on operator/twist"
    held = stage.place
    steer(stage, [-0.2, 0, 0, 0, 0, 0], 20)
    assert stage.takeover.control is Control.OPERATOR and stage.place[0] < held[0] - 0.05
    stage.check()


def test_a_hand_that_is_elsewhere_leads_by_how_it_moves() -> None:
    stage = moving_stage(POSES)
    stage.take_over()
    hand = np.array([3.0, -2.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    for _ in range(10):
        stage.receive(pose_message(stage.now_ns, hand))
        stage.tick()
    rested = stage.place
    for _ in range(30):
        hand[0] += 0.004
        stage.receive(pose_message(stage.now_ns, hand))
        stage.tick()
    for _ in range(20):
        stage.receive(pose_message(stage.now_ns, hand))
        stage.tick()
    np.testing.assert_allclose(stage.place[:3] - rested[:3], [0.12, 0, 0], atol=2e-3)
    # One that jumps, as a tracker does that had lost it, leads from there.
    hand[1] += 1.0
    for _ in range(20):
        stage.receive(pose_message(stage.now_ns, hand))
        stage.tick()
    np.testing.assert_allclose(stage.place[:3] - rested[:3], [0.12, 0, 0], atol=4e-3)
    stage.check()


@pytest.mark.parametrize("join_speed", [0.3, 0.0])
def test_a_leader_that_is_elsewhere_is_met_slowly_or_waited_for(join_speed: float) -> None:
    values = read_yaml(share_file("config/robots/so101.yaml"))
    values["operator"] = {**values["operator"], "join_speed": join_speed}
    home = HOMES["so101"]
    stage = Stage(parse_robot(values, "so101.yaml"), home)
    stage.take_over()
    leader = home + [0.6, 0, 0, 0, 0]

    def follow(ticks: int) -> None:
        for _ in range(ticks):
            stage.receive(leader_message(stage.now_ns, leader))
            stage.tick()

    follow(10)
    assert stage.takeover.control is Control.HANDOVER
    assert stage.takeover.hint.startswith("leader shoulder_pan is +0.")
    if join_speed == 0.0:
        np.testing.assert_array_equal(stage.place, home)
        leader = home + [0.04, 0, 0, 0, 0]
    follow(80)
    assert stage.takeover.control is Control.OPERATOR
    np.testing.assert_allclose(stage.place, leader, atol=5e-3)
    commands = np.array(stage.commands)
    speeds = np.abs(np.diff(commands, axis=0)) / (stage.period_ns / 1e9)
    is_apart = np.abs(commands[1:, 0] - leader[0]) > 0.06
    assert join_speed == 0.0 or speeds[is_apart].max() <= join_speed * 1.25
    stage.check()


def test_a_leader_that_is_moved_asks_for_the_turn() -> None:
    values = read_yaml(share_file("config/robots/so101.yaml"))
    values["operator"] = {**values["operator"], "moved": 0.1}
    stage = Stage(parse_robot(values, "so101.yaml"), HOMES["so101"])
    for place in (0.0, 0.05):
        stage.receive(leader_message(stage.now_ns, HOMES["so101"] + place))
        assert not stage.takeover.is_asked_for
    stage.receive(leader_message(stage.now_ns, HOMES["so101"] + 0.2))
    assert stage.takeover.is_asked_for
    stage.take_over()
    stage.hand_back()
    assert not stage.takeover.is_asked_for


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (lambda now: twist_message(now - 10**9, np.ones(6)), "1.00 s old"),
        (lambda now: twist_message(now, np.ones(6), "world"), "expected 'fr3_link0'"),
        (lambda now: twist_message(now, np.full(6, np.nan)), "are not finite"),
    ],
)
def test_what_does_not_count_is_named(message: Any, words: str) -> None:
    stage = moving_stage()
    stage.take_over()
    for _ in range(20):
        stage.receive(message(stage.now_ns))
        stage.tick()
    assert words in stage.takeover.hint and stage.motion.is_at_rest


numbers = st.one_of(
    st.floats(-1, 1), st.floats(-1e3, 1e3), st.sampled_from([np.nan, np.inf, 1e308, -1e308, 0.0])
)
events = st.lists(
    st.tuples(
        st.sampled_from(
            ["send", "send", "send", "quiet", "take", "back", "policy", "stale", "slow", "stop"]
        ),
        st.lists(numbers, min_size=7, max_size=7),
        st.integers(1, 12),
    ),
    min_size=3,
    max_size=25,
)


@pytest.mark.parametrize("name", list(ROBOTS))
@trials(max_examples=12, deadline=None)
@given(events=events)
def test_no_command_leaves_the_limits_whatever_the_operator_sends(
    name: str, events: list[Any]
) -> None:
    robot = ROBOTS[name]
    stage = Stage(robot, HOMES[robot.name if robot.name in HOMES else "sim"])
    stage.take_over()
    with np.errstate(over="ignore", invalid="ignore"):
        for event, values, ticks in events:
            if event == "take" and stage.takeover.control is Control.POLICY:
                stage.take_over()
            elif event == "back" and stage.takeover.control is not Control.POLICY:
                stage.hand_back()
            elif event == "stop":
                stage.motion.halt(StopReason.STALE, stage.now_ns)
            for _ in range(ticks):
                if event == "slow":
                    share = min(max(abs(float(np.nan_to_num(values[0]))), 0.1), 1.0)
                    stage.motion.set_speed_scale(share, stage.now_ns)
                sent_ns = stage.now_ns - (event == "stale") * 10**9
                if event in ("send", "stale"):
                    for arm in range(len(stage.takeover.arms)):
                        stage.receive(
                            _message(name, sent_ns, values[::-1] if arm else values), arm
                        )
                elif event == "policy":
                    size = {"leader": 5, "leaders": 12}.get(name, 6)
                    way = np.resize(np.nan_to_num(values), size)
                    stage.policy_chunk(way, stage.now_ns)
                stage.tick()
    stage.check()


def _message(name: str, now_ns: int, values: list[float]) -> Any:
    if name == "twist":
        return twist_message(now_ns, values[:6])
    if name == "pose":
        return pose_message(now_ns, values)
    return leader_message(now_ns, values, name)


def go_home(stage: Stage) -> str | None:
    """Until its turn ends; why it did not get there."""
    assert stage.operator.go_home() is None
    for _ in range(200):
        if problem := stage.operator.step():
            return problem
        if stage.takeover.control is not Control.HOME:
            break
        stage.pass_period()
    assert stage.takeover.control is Control.POLICY
    for _ in range(10):
        stage.tick()
    return None


@pytest.mark.parametrize("profile", ["pose", "joint_trajectory", "kinematics"])
def test_the_arm_goes_home_within_its_limits_and_the_policy_goes_on_from_there(
    profile: str,
) -> None:
    values = read_yaml(share_file("config/robots/sim.yaml"))
    home = dict(values["home"])
    start = HOMES["sim"]
    if profile != "pose":
        values["output"] = {"profile": "joint_trajectory", "rate": 100}
        start = np.array(home["joints"]) + 0.3
    if profile == "kinematics":
        values["output"]["kinematics"] = {"tool": "fr3_hand_tcp"}
        del values["home"]["pose"]
    values["urdf"] = str(share_file("urdf/sim_arm.urdf"))
    stage = Stage(parse_robot(values, "sim.yaml"), start)
    began_ns = stage.now_ns
    assert go_home(stage) is None
    assert stage.motion.is_at_rest and "home" in stage.motion.stops.sentence
    goal = np.array([*home["pose"]["xyz"], *home["pose"]["quat_wxyz"]])
    goal = goal if profile == "pose" else np.array(home["joints"])
    if profile == "kinematics":
        assert stage.reach
        goal, place = stage.reach.followed(goal), stage.reach.followed(stage.place)
        assert np.abs(PoseSpace().difference(place, goal)).max() < 0.01
    else:
        assert stage.place == pytest.approx(goal, abs=0.01)
        stage.check()
    assert stage.policy_chunk(0.05 * np.eye(6)[1], began_ns) == NOT_ITS_TURN
    if profile == "pose":
        assert stage.motion.grip_goals["grip"] == 0.0
        assert stage.policy_chunk(0.1 * np.eye(6)[1], stage.now_ns) is None


def test_an_arm_that_cannot_get_home_says_so_and_ends() -> None:
    stage = moving_stage()
    stage.operator.go_home()
    stage.tick()
    stage.motion.press(StopReason.ESTOP, True, stage.now_ns)
    problem = stage.operator.step()
    assert problem and "did not get home" in problem and "emergency stop" in problem
    assert stage.takeover.control is Control.POLICY
    assert "emergency stop" in (stage.operator.go_home() or "")
    stage.motion.press(StopReason.ESTOP, False, stage.now_ns)
    stage.refusal = "no way"
    assert "stays 0." in (problem := go_home(stage) or "") and "no way" in problem


def test_home_needs_a_place_in_the_robot_file_and_the_operator_comes_first() -> None:
    stage = Stage(ROBOTS["leader"], HOMES["so101"])
    assert "has no home" in (stage.operator.go_home() or "")
    stage = moving_stage()
    stage.take_over()
    assert "hand back first" in (stage.operator.go_home() or "")
    stage.hand_back()
    assert stage.operator.go_home() is None and stage.takeover.control is Control.HOME
    stage.take_over()
    steer(stage, [0, 0, 0.1, 0, 0, 0], 10)
    assert stage.takeover.control is Control.OPERATOR


@pytest.mark.parametrize(
    ("home", "words"),
    [
        ({"grip": 0.5}, "home has neither joints nor pose"),
        ({"joints": [0.0, 0.0]}, "home.joints has 2 numbers, expected one for each of 7"),
        ({"joints": [9.0, 0, 0, -2, 0, 2, 0]}, "home.joints has 9, the limits allow -2.7437"),
        ({"pose": {"xyz": [0.0, 0.0, 0.3]}}, "home.pose.xyz has 0, the limits allow 0.2 to 0.8"),
    ],
)
def test_a_home_where_the_arm_cannot_be_is_refused(home: dict[str, Any], words: str) -> None:
    values = read_yaml(share_file("config/robots/sim.yaml")) | {"home": home}
    with pytest.raises(UserError, match=words):
        parse_robot(values, "sim.yaml")
