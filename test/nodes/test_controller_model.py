"""Every trajectory message against a model of what its controller checks and does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from graph import Graph
from trajectory_msgs.msg import JointTrajectory

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.robot_motion import robot_executor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.controller_spline import Points, interpolated
from groot_ros.nodes.drivers.command import Command
from groot_ros.nodes.drivers.outputs import TrajectoryOutput, trajectory_message
from groot_ros.observation.fields import to_ns
from groot_ros.robot.commands import GripCommand
from groot_ros.robot.config import load_robot
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import arm_signals

S, TICK_NS, STEP_NS, CYCLE_NS = 1_000_000_000, 10_000_000, 66_666_667, 1_000_000
GRIP = GripCommand("", 0.04, 0.0, "trajectory", "finger")


class ControllerModel:
    """joint_trajectory_controller 4.42.1 (Jazzy) with its default parameters, by its
    `validate_trajectory_msg` and `Trajectory::sample`.

    It refuses other joints than its own, no points, an end in the past, times that do not rise,
    fields of other sizes and a velocity at the end. Before the first point's time it would go on a
    spline of its own from where it believes the arm to be; `bridged` counts the cycles in which.
    """

    def __init__(self, joints: list[str]) -> None:
        self._joints = joints
        self._points: Points | None = None
        self._start_ns = 0
        self.bridged = 0

    def wrong(self, message: JointTrajectory, now_ns: int) -> str | None:
        """Why it refuses a message; None if it takes it."""
        count, last_ns = len(self._joints), -1
        if sorted(message.joint_names) != sorted(self._joints):
            return "joints"
        if not message.points:
            return "no points"
        start_ns = to_ns(message.header.stamp)
        if start_ns and start_ns + to_ns(message.points[-1].time_from_start) < now_ns:
            return "ends in the past"
        if any(
            abs(velocity) > np.finfo(np.float32).eps for velocity in message.points[-1].velocities
        ):
            return "velocity at the end"
        for point in message.points:
            if (time_ns := to_ns(point.time_from_start)) <= last_ns:
                return "times do not rise"
            last_ns = time_ns
            if len(point.positions) != count or len(point.velocities) not in (0, count):
                return "sizes"
            if len(point.accelerations) or len(point.effort):
                return "fields that nobody asked for"
        return None

    def take(self, message: JointTrajectory, now_ns: int) -> None:
        """It follows a message from now on."""
        assert self.wrong(message, now_ns) is None
        self._start_ns = to_ns(message.header.stamp) or now_ns
        self._points = Points(
            np.array([to_ns(point.time_from_start) / S for point in message.points]),
            np.array([point.positions for point in message.points]),
            np.array([point.velocities for point in message.points]),
        )

    def sample(self, now_ns: int) -> np.ndarray | None:
        """Where it sends the joints, None before anything came."""
        if self._points is None:
            return None
        at_s = (now_ns - self._start_ns) / S
        self.bridged += at_s < self._points.times_s[0]
        return interpolated(self._points, np.array([min(at_s, self._points.times_s[-1])]))[0]


@pytest.mark.parametrize("seed", range(2))
def test_a_controller_takes_every_trajectory_and_keeps_to_the_limits_with_it(
    graph: Graph, seed: int
) -> None:
    robot, rng = load_robot("franka"), np.random.default_rng(seed)
    robot = replace(robot, commands=replace(robot.commands, grip=GRIP))
    output = TrajectoryOutput(graph.node, "trajectory", robot)
    bounds = Bounds.of(robot.limits, JOINTS)
    executor = robot_executor(robot, ExecutionSettings(period_s=TICK_NS / S, watchdog_s=0.4))
    controller = ControllerModel([*robot.joints, GRIP.joint])
    middle, now_ns, sent, messages = (bounds.lower + bounds.upper) / 2, S, None, 0
    executor.start_from(middle, {"grip": 0.0}, now_ns)
    way: list[np.ndarray] = []
    due_ns, goal = now_ns, middle
    while now_ns < 9 * S:
        if now_ns >= due_ns:
            due_ns = now_ns + int(rng.uniform(0.05, 0.5) * S)
            start, goal = goal, goal + rng.normal(scale=0.12, size=7)
            shares = np.linspace(0.0, 1.0, 16)[:, None]
            joints = start + shares * (goal - start) + rng.normal(scale=0.002, size=(16, 7))
            chunk = Chunk(
                now_ns - int(rng.uniform(0.0, 0.2) * S),
                STEP_NS,
                1,
                signals=arm_signals(joint_position=joints, grip=np.full(16, rng.integers(2))),
            )
            if executor.accept(due_ns, chunk, now_ns) is not None:
                goal = executor.held
            if rng.random() < 0.15:
                executor.halt(rng.choice([StopReason.CANCELLED, StopReason.UNFAMILIAR]), now_ns)
                goal = executor.held
        executor.resume()
        if rng.random() < 0.02:
            executor.set_speed_scale(float(rng.uniform(0.1, 1.0)), now_ns)
        setpoint = executor.setpoint(now_ns)
        if setpoint and executor.motion is not sent:
            sent = executor.motion
            assert sent
            goals = executor.grip_goals
            command = Command(setpoint, sent, now_ns, executor.time_ns, None, goals)
            controller.take(output.message(command), now_ns)
            messages += 1
        elif setpoint is None:
            output.cease()
            executor.start_from(executor.held, {"grip": 0.0}, now_ns)
        for cycle in range(TICK_NS // CYCLE_NS):
            if (place := controller.sample(now_ns + cycle * CYCLE_NS)) is not None:
                way.append(place)
        now_ns += TICK_NS
    joints, fingers = np.array(way)[:, :7], np.array(way)[:, 7]
    velocities, accelerations, jerks = (
        np.diff(joints, n=order, axis=0) / (CYCLE_NS / S) ** order for order in (1, 2, 3)
    )
    assert messages > 20 and controller.bridged == 0
    # Also where one message takes the place of another.
    assert np.abs(velocities / bounds.velocity).max() <= 1.01
    hardest = np.maximum(bounds.acceleration, bounds.deceleration)
    assert np.abs(accelerations / hardest).max() <= 1.1
    assert np.abs(jerks / bounds.jerk).max() <= 1.3
    assert np.all(joints >= bounds.lower - 1e-5) and np.all(joints <= bounds.upper + 1e-5)
    assert fingers.min() >= -1e-9 and fingers.max() <= 0.04 + 1e-9
    assert np.abs(np.diff(fingers)).max() <= 0.04 * 2.0 * 1.5 * CYCLE_NS / S + 1e-9


def test_the_model_refuses_what_the_controller_refuses() -> None:
    joints = ["one", "two"]
    points = Points(np.array([0.0, 0.1, 0.2]), np.zeros((3, 2)), np.zeros((3, 2)))
    model = ControllerModel(joints)

    def message() -> JointTrajectory:
        return trajectory_message(S, points, True, joints, (None, None))

    assert model.wrong(message(), S) is None
    assert model.wrong(message(), S + S // 2) == "ends in the past"
    partial, repeated, moving, short, empty = (message() for _ in range(5))
    partial.joint_names = ["one"]
    repeated.points[1].time_from_start = repeated.points[2].time_from_start
    moving.points[2].velocities = [0.0, 1e-3]
    short.points[0].positions = [0.0]
    empty.points = []
    found = [model.wrong(m, S) for m in (partial, repeated, moving, short, empty)]
    expected = ["joints", "times do not rise", "velocity at the end", "sizes", "no points"]
    assert found == expected
