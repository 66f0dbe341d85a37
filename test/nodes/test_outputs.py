"""Commands in each profile, as messages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from geometry_msgs.msg import TwistStamped, Vector3
from graph import Graph
from std_msgs.msg import Bool, Float32, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from groot_ros.benchmarks.path_policy import Conditions, PathPolicy
from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.motion import Motion, Planner
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.controller_spline import (
    INTERPOLATED,
    FollowedPoints,
    Points,
    controller_excess,
    interpolated,
)
from groot_ros.errors import UserError
from groot_ros.nodes.drivers.command import Command
from groot_ros.nodes.drivers.fake_graph import FakeGraph, FakeOnlyPublisher
from groot_ros.nodes.drivers.grippers import ActionGrip, grip_publisher
from groot_ros.nodes.drivers.outputs import (
    JointStreamOutput,
    TrajectoryOutput,
    TwistOutput,
)
from groot_ros.nodes.drivers.trajectory_points import trajectory_points
from groot_ros.nodes.messages import chunk_cloud
from groot_ros.observation.fields import to_ns
from groot_ros.robot.commands import GripCommand
from groot_ros.robot.config import load_robot
from groot_ros.robot.limits import Limits
from groot_ros.signals.kinds import JOINTS, POSE
from groot_ros.signals.signals import EE_POSE, JOINT_POSITION, arm_signals
from groot_ros.sim.fake.links import robot_links
from groot_ros.timing.periods import Periods

ROBOT = load_robot("sim")
HOME = np.array([0.0, -0.785, 0.0, -2.356, 0.0, 1.571, 0.785])
NOW_NS = 5_000_000_000


def joint_motion() -> Motion:
    """One second of joint 1 at 0.3 rad/s, joined from rest."""
    bounds = Bounds.of(ROBOT.limits, JOINTS)
    knots = HOME + np.outer(np.arange(16) * 0.02, np.eye(7)[0])
    curve = Curve.through(bounds.space, knots, 1 / 15)
    planner = Planner(bounds, 0.01)
    still = planner.rest(HOME, NOW_NS)
    joined = planner.join(curve, 0.0, still, np.zeros(7), NOW_NS, 0.15, 1.0)
    assert joined
    return joined.motion


def command(motion: Motion, after_s: float = 0.0) -> Command:
    stamp_ns = NOW_NS + round(after_s * 1e9)
    joints, velocity = motion.state(stamp_ns)
    return Command(
        Setpoint.of(JOINT_POSITION, joints, {"grip": 0.5}, velocity), motion, stamp_ns, stamp_ns
    )


@pytest.mark.parametrize(
    ("profile", "with_velocities"), [("joint_trajectory", True), ("jtc_upsampling", False)]
)
def test_a_motion_is_one_trajectory_that_ends_at_rest(
    graph: Graph, profile: str, with_velocities: bool
) -> None:
    robot = replace(ROBOT, output=replace(ROBOT.output, profile=profile))
    output = TrajectoryOutput(graph.node, "trajectory", robot)
    motion = joint_motion()
    message = output.message(command(motion))
    assert to_ns(message.header.stamp) == NOW_NS
    times_s = np.array([to_ns(point.time_from_start) / 1e9 for point in message.points])
    assert times_s[0] == 0.0 and np.all(np.diff(times_s) > 0)
    assert times_s[-1] == pytest.approx(motion.curve.duration_s, abs=1e-6)
    for time_s, point in zip(times_s, message.points, strict=True):
        np.testing.assert_allclose(point.positions, motion.curve.at(time_s), atol=1e-6)
    if with_velocities:
        assert not any(message.points[-1].velocities)
        assert message.points[-10].velocities[0] == pytest.approx(0.3, abs=0.02)
    else:
        assert not any(len(point.velocities) for point in message.points)
    output.close()


def test_a_trajectory_is_sent_once_for_a_motion_and_late_points_are_left_out(graph: Graph) -> None:
    grip = GripCommand("", 0.0, 0.8, "trajectory", "finger")
    robot = replace(ROBOT, commands=replace(ROBOT.commands, grip=grip))
    output = TrajectoryOutput(graph.node, "trajectory", robot)
    sent = graph.collect(JointTrajectory, "trajectory")
    graph.wait_for(lambda: graph.node.count_subscribers("trajectory"), "the subscription")
    motion = joint_motion()
    for after_s in (0.5, 0.51, 0.52):
        output.send(command(motion, after_s))
    still = Planner(Bounds.of(ROBOT.limits, JOINTS), 0.01).rest(HOME, NOW_NS)
    output.send(command(still))
    graph.wait_for(lambda: len(sent) == 2, "both trajectories")
    first = sent[0]
    assert to_ns(first.header.stamp) == NOW_NS + 500_000_000
    assert to_ns(first.points[0].time_from_start) == 0
    np.testing.assert_allclose(first.points[0].positions[:7], motion.value(NOW_NS + 500_000_000))
    assert first.joint_names[-1] == "finger" and first.points[0].positions[-1] == 0.4
    assert first.points[0].velocities[-1] == 0.0
    output.close()


def test_twists_lead_back_to_the_pose(graph: Graph) -> None:
    output = TwistOutput(graph.node, "twist", ROBOT)
    pose = np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])
    setpoint = Setpoint.of(EE_POSE, pose, {}, np.array([0.1, 0, 0, 0, 0, 0.2]))
    motion = Planner(Bounds.of(ROBOT.limits, POSE), 0.01).rest(pose, NOW_NS)
    behind = pose - np.array([0.01, 0, 0, 0, 0, 0, 0])
    for _ in range(5):
        twist = output.message(Command(setpoint, motion, NOW_NS, NOW_NS, behind)).twist
    assert twist.linear.x == pytest.approx(0.12) and twist.angular.z == pytest.approx(0.2)
    output.close()


def row(message: TwistStamped) -> list[float]:
    parts = message.twist.linear, message.twist.angular
    return [getattr(part, axis) for part in parts for axis in "xyz"]


def test_twists_keep_to_the_limits_wherever_the_robot_is_and_end(graph: Graph) -> None:
    output = TwistOutput(graph.node, "twist", ROBOT)
    sent = graph.collect(TwistStamped, "twist")
    graph.wait_for(lambda: graph.node.count_subscribers("twist"), "the subscription")
    rng, limits = np.random.default_rng(3), ROBOT.limits
    pose = np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])
    motion = Planner(Bounds.of(limits, POSE), 0.01).rest(pose, NOW_NS)
    twists = np.zeros((300, 6))
    for index in range(1, len(twists)):
        velocity = np.array([0.5, 0, 0, 0, 0, 1.5]) * (-1) ** (index // 50)
        measured = pose + np.array([*rng.normal(0, 0.2, 3), 0, 0, 0, 0])
        command = Command(
            Setpoint.of(EE_POSE, pose, {}, velocity),
            motion,
            NOW_NS,
            NOW_NS,
            None if index % 7 == 0 else measured,
        )
        twists[index] = row(output.message(command))
    ends = [twists[-1]]
    while not output.cease():
        ends.append(graph.wait_for(lambda: len(sent) == len(ends) and row(sent[-1]), "a step"))
    last = graph.wait_for(lambda: len(sent) == len(ends) and sent[-1], "the end").twist
    assert last.linear == Vector3() and last.angular == Vector3() and len(ends) > 2
    twists = np.array([*twists, *ends[1:], np.zeros(6)])
    changes = np.diff(twists, axis=0) * ROBOT.output.rate_hz
    for part, (speed, acceleration) in enumerate(
        (
            (limits.linear_velocity, limits.linear_acceleration),
            (limits.angular_velocity, limits.angular_acceleration),
        )
    ):
        columns = slice(3 * part, 3 * part + 3)
        assert np.linalg.norm(twists[:, columns], axis=1).max() <= speed * 1.001
        assert np.linalg.norm(changes[:, columns], axis=1).max() <= acceleration * 1.001
    output.close()


def test_a_fake_is_told_to_stop_though_somebody_else_looks_in(graph: Graph) -> None:
    robot = replace(
        ROBOT,
        output=replace(ROBOT.output, profile="twist"),
        commands=replace(ROBOT.commands, twist="twist"),
    )
    output = TwistOutput(graph.node, "twist", robot)
    commands = FakeOnlyPublisher(graph.node, robot, output)
    rivals = FakeGraph(graph.node, [link for link in robot_links(robot) if link.is_command]).rivals
    pose = np.array([0.5, 0.0, 0.3, 0.0, 1.0, 0.0, 0.0])
    setpoint = Setpoint.of(EE_POSE, pose, {}, np.array([0.2, 0, 0, 0, 0, 0.2]))
    motion = Planner(Bounds.of(ROBOT.limits, POSE), 0.01).rest(pose, NOW_NS)
    for _ in range(5):
        commands.send(Command(setpoint, motion, NOW_NS, NOW_NS))
    other = graph.node.create_subscription(TwistStamped, "twist", lambda _: None, 1)
    graph.wait_for(rivals, "somebody else")
    assert not commands.cease()
    graph.remove(graph.node.destroy_subscription, other)
    graph.wait_for(lambda: not rivals(), "nobody else")
    graph.wait_for(commands.cease, "the end of the twists")
    assert output.cease(), "there was still something to end"
    graph.node.create_subscription(TwistStamped, "twist", lambda _: None, 1)
    graph.wait_for(rivals, "somebody else")
    # It stays, and the executor has to end all the same.
    graph.wait_for(commands.cease, "no more patience")
    commands.close()


def test_the_output_of_the_page_on_extending_sends_millimetres(graph: Graph) -> None:
    page = (Path(__file__).parents[2] / "docs/extending.md").read_text()
    names: dict[str, Any] = {}
    exec(page.partition("# millimetre_poses.py\n")[2].partition("```")[0], names)
    output = names["MillimetrePoses"](graph.node, "target", ROBOT)
    pose = np.array([0.5, -0.2, 0.3, 0.0, 1.0, 0.0, 0.0])
    setpoint = Setpoint.of(EE_POSE, pose, {}, np.zeros(6))
    place = output.message(Command(setpoint, joint_motion(), NOW_NS, NOW_NS)).pose.position
    assert (place.x, place.y, place.z) == pytest.approx((500.0, -200.0, 300.0))


def test_a_stream_of_joints(graph: Graph) -> None:
    output = JointStreamOutput(graph.node, "joints", ROBOT)
    np.testing.assert_allclose(output.message(command(joint_motion())).data, HOME)
    output.close()


def test_a_gripper_action_needs_control_msgs(graph: Graph) -> None:
    try:
        import control_msgs  # noqa: F401
    except ImportError:
        with pytest.raises(UserError, match="needs the package control_msgs: install it"):
            ActionGrip(graph.node, GripCommand("/grip", 0.0, 1.0, "gripper_command"))
    else:
        ActionGrip(graph.node, GripCommand("/grip", 0.0, 1.0, "gripper_command")).close()


def test_a_chunk_as_a_point_cloud() -> None:
    chunk = PathPolicy(Conditions(), load_robot("sim")).chunk(NOW_NS)
    cloud = chunk_cloud(chunk, chunk.signals["ee_pose"], "base")
    points = np.frombuffer(cloud.data, "<f4").reshape(cloud.width, 5)
    assert [field.name for field in cloud.fields] == ["x", "y", "z", "step", "grip"]
    np.testing.assert_allclose(points[:, :3], chunk.signals["ee_pose"][:, :3], atol=1e-6)
    np.testing.assert_array_equal(points[:, 3], np.arange(16))


def test_a_gripper_in_the_trajectory_takes_its_time_and_keeps_its_range(graph: Graph) -> None:
    grip = GripCommand("", 0.0, 0.8, "trajectory", "finger")
    robot = replace(ROBOT, commands=replace(ROBOT.commands, grip=grip))
    output = TrajectoryOutput(graph.node, "trajectory", robot)
    still = Planner(Bounds.of(ROBOT.limits, JOINTS), 0.01).rest(HOME, NOW_NS)
    setpoint = Setpoint.of(JOINT_POSITION, HOME, {"grip": 0.0}, np.zeros(7))
    message = output.message(Command(setpoint, still, NOW_NS, NOW_NS, grip_goals={"grip": 1.0}))
    points = Points(
        np.array([to_ns(point.time_from_start) / 1e9 for point in message.points]),
        np.array([point.positions for point in message.points]),
        np.array([point.velocities for point in message.points]),
    )
    way = interpolated(points, np.arange(0.0, points.times_s[-1], 0.001))[:, 7]
    assert points.times_s[-1] == pytest.approx(0.5, abs=0.05)
    assert way.min() >= 0.0 and way.max() <= 0.8 and way[-1] == pytest.approx(0.8, abs=0.01)
    assert np.diff(way).max() / 0.001 <= 0.8 * 2.0 * 1.6
    output.close()


def test_a_goal_that_hardly_changes_does_not_replace_the_motion_of_the_arm(graph: Graph) -> None:
    grip = GripCommand("", 0.0, 0.8, "trajectory", "finger")
    robot = replace(ROBOT, commands=replace(ROBOT.commands, grip=grip))
    output = TrajectoryOutput(graph.node, "trajectory", robot)
    sent = graph.collect(JointTrajectory, "trajectory")
    graph.wait_for(lambda: graph.node.count_subscribers("trajectory"), "the subscription")
    now = command(joint_motion())
    # The gripper closes, and a noisy model moves where to at every command.
    for tick in range(100):
        output.send(replace(now, grip_goals={"grip": 0.7 + 0.004 * (-1) ** tick}))
    graph.wait_for(lambda: sent, "the trajectory")
    output.send(replace(now, grip_goals={"grip": 1.0}))
    graph.wait_for(lambda: sent[-1].points[-1].positions[-1] == pytest.approx(0.8), "the end")
    assert len(sent) == 2
    output.close()


# Closures that are sent, and what is commanded by each, None where nothing is.
GRIPPERS = {
    "float32": (Float32, [(0.0, 0.1), (0.5, 0.45), (1.0, 0.8)]),
    "array": (Float64MultiArray, [(0.25, 0.275)]),
    # It stays as it is while the closure hovers in the middle.
    "bool": (
        Bool,
        [(0.1, 0), (0.45, 0), (0.55, 0), (0.7, 1), (0.55, 1), (0.45, 1), (0.3, 0)],
    ),
    "trajectory": (JointTrajectory, [(0.0, 0.1), (0.001, None), (0.5, 0.45), (1.0, 0.8)]),
}


@pytest.mark.parametrize("kind", GRIPPERS)
def test_a_gripper_is_commanded_as_it_wants(graph: Graph, kind: str) -> None:
    message, wanted = GRIPPERS[kind]
    gripper = grip_publisher(graph.node, GripCommand("grip", 0.1, 0.8, kind, "finger"))
    assert gripper
    sent = graph.collect(message, "grip")
    graph.wait_for(lambda: graph.node.count_subscribers("grip"), "the subscription")
    count = 0
    for closure, value in wanted:
        gripper.send(closure)
        if value is None:
            continue
        count += 1
        graph.wait_for(lambda: len(sent) == count, "the command")  # noqa: B023
        data = sent[-1].points[0].positions if kind == "trajectory" else sent[-1].data
        np.testing.assert_allclose(data, value, rtol=1e-6)
    gripper.close()


@pytest.mark.parametrize("index", [0, 7])
def test_a_gripper_can_be_a_number_of_the_arms_array(graph: Graph, index: int) -> None:
    grip = GripCommand("", 0.0, 0.8, "array", index=index)
    robot = replace(ROBOT, commands=replace(ROBOT.commands, grip=grip))
    assert grip_publisher(graph.node, grip) is None
    output = JointStreamOutput(graph.node, "joints", robot)
    data = np.array(output.message(command(joint_motion())).data)
    np.testing.assert_allclose(data[index], 0.4)
    np.testing.assert_allclose(np.delete(data, index), HOME)
    sent = graph.collect(Float64MultiArray, "joints")
    graph.wait_for(lambda: graph.node.count_subscribers("joints"), "the subscription")
    now = command(joint_motion())
    untold = Setpoint.of(JOINT_POSITION, HOME, {}, np.zeros(7))
    output.send(replace(now, setpoint=untold))
    output.send(now)
    graph.wait_for(lambda: sent, "the command")
    assert [len(message.data) for message in sent] == [8]
    output.close()


def test_an_inverted_switch_is_on_while_it_is_open(graph: Graph) -> None:
    gripper = grip_publisher(graph.node, GripCommand("grip", 1.0, 0.0, "bool"))
    assert gripper
    sent = graph.collect(Bool, "grip")
    graph.wait_for(lambda: graph.node.count_subscribers("grip"), "the subscription")
    gripper.send(0.0)
    graph.wait_for(lambda: sent, "the command")
    assert sent[-1].data
    gripper.send(1.0)
    graph.wait_for(lambda: len(sent) == 2, "the command")
    assert not sent[-1].data
    gripper.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_trajectory_is_within_the_limits_as_the_controller_goes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bounds = Bounds.of(ROBOT.limits, JOINTS)
    planner = Planner(bounds.scaled(INTERPOLATED), 0.01)
    steps = HOME + np.cumsum(rng.normal(scale=0.03, size=(16, 7)), axis=0)
    still = planner.rest(HOME, NOW_NS)
    curve = planner.curve(steps, 1 / 15)
    joined = planner.join(curve, 0.0, still, np.zeros(7), NOW_NS, 0.15, 1.0)
    assert joined
    for after_s in (0.0, 0.3, 0.8):
        points = trajectory_points(bounds, command(joined.motion, after_s), 0.0)
        np.testing.assert_allclose(
            points.positions[0], joined.motion.value(NOW_NS + round(after_s * 1e9))
        )
        assert controller_excess(bounds, points) <= 1.01


class Controller:
    """Follows the newest trajectory by its own clock, as joint_trajectory_controller does."""

    def __init__(self) -> None:
        self._points: Points | None = None
        self._stamp_ns = 0
        self.followed: FollowedPoints | None = None
        self.jumps: list[float] = []

    def take(self, points: Points, stamp_ns: int, now_ns: int) -> None:
        before = self.position(now_ns)
        self._points, self._stamp_ns = points, stamp_ns
        self.followed = FollowedPoints(stamp_ns, points)
        if before is not None:
            self.jumps.append(abs(float(before - self.position(now_ns))))

    def position(self, now_ns: int) -> np.ndarray | None:
        if self._points is None:
            return None
        at_s = min((now_ns - self._stamp_ns) / 1e9, self._points.times_s[-1])
        return interpolated(self._points, np.array([at_s]))[0, 0]


def followed_late(keeps_time: bool) -> Controller:
    """A sine of 1 rad/s in 20 s, a chunk every 0.15 s, one command of twenty up to 0.2 s late."""
    rng, period_ns, step_ns = np.random.default_rng(1), 20_000_000, 66_666_667
    limits = Limits(joint_velocity=(1.5,), joint_acceleration=(5.0,))
    bounds = Bounds.of(limits, JOINTS)
    settings = ExecutionSettings(
        signal=JOINT_POSITION, interpolated=True, period_s=period_ns / 1e9, watchdog_s=5.0
    )
    executor, controller = ChunkExecutor(limits, settings), Controller()
    executor.start_from(np.zeros(1), {}, 0)
    now_ns, chunks, sent = 0, 0, None
    periods = Periods(0.02, 0.25, lambda: now_ns) if keeps_time else None
    while now_ns < 20_000_000_000:
        if now_ns >= 150_000_000 * chunks:
            stamp_ns = max(0, now_ns - 100_000_000)
            angles = (stamp_ns + np.arange(16) * step_ns) / 1e9 * 2
            chunk = Chunk(
                stamp_ns,
                step_ns,
                1,
                signals=arm_signals(joint_position=0.5 * np.sin(angles)[:, None]),
            )
            chunks += 1
            assert executor.accept(chunks, chunk, now_ns) is None
        for _ in range(periods.due() if periods else 1):
            setpoint = executor.setpoint(now_ns)
        assert setpoint and executor.motion
        if executor.motion is not sent:
            sent = executor.motion
            stamp_ns = now_ns - (periods.behind_ns if periods else 0)
            sending = Command(setpoint, sent, stamp_ns, executor.time_ns)
            points = trajectory_points(bounds, sending, 0.0, controller.followed)
            controller.take(points, stamp_ns, now_ns)
        late_ns = rng.uniform(20e6, 200e6) if rng.random() < 0.05 else rng.uniform(0, 1e6)
        now_ns += period_ns + int(late_ns)
    return controller


def test_trajectories_begin_where_their_controller_is_however_late_commands_are() -> None:
    delayed = followed_late(False).jumps
    jumps = followed_late(True).jumps
    assert len(jumps) > 100 and max(delayed) > 0.1
    assert np.percentile(jumps, 90) < 1e-4 and max(jumps) < 0.01, np.sort(jumps)[-10:]
