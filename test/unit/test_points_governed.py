"""The governor and the planner with points of the arm: whatever comes, none leaves its box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.reach import Reach
from groot_ros.chunks.execution.robot_motion import begin_motion, robot_executor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.governor import Governor
from groot_ros.chunks.limits.pose_chunks import Unsolved
from groot_ros.chunks.limits.watched_points import PLANNED_M, WatchedPoints
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.robot.kinematics import watched_points
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.kinds import JOINTS
from groot_ros.signals.signals import arm_signals

HOMES = {
    "ur5e": np.array([0.0, -1.57, 1.57, -1.57, -1.57, 0.0]),
    "so101": np.array([0.0, -1.2, 1.2, 1.0, 0.0]),
}
ROBOTS = {name: load_robot(name) for name in HOMES}
JERKY = 100.0
REACHES = {name: Reach(robot, load_urdf(robot.urdf), 0.02) for name, robot in ROBOTS.items()}
PERIOD_S = 0.02
PERIOD_NS = 20_000_000
BEYOND_M = PLANNED_M + 1e-5


def watched(name: str) -> WatchedPoints:
    points = REACHES[name].points
    assert points
    return points


def check(robot: RobotConfig, points: WatchedPoints, commands: np.ndarray, allowed: float) -> None:
    """Between commands, 1 ms apart, too."""
    times = np.arange((len(commands) - 1) * 20 + 1) / 20
    fine = np.stack([np.interp(times, np.arange(len(commands)), c) for c in commands.T], axis=1)
    assert points.beyond(fine).max() <= allowed
    speeds = np.abs(np.diff(commands, axis=0)) / PERIOD_S
    assert np.all(speeds <= 1.01 * np.array(robot.limits.joint_velocity))


def robot_of(name: str, jerk: float | None) -> RobotConfig:
    """A robot, with a limit on the jerk of its joints or as its file says."""
    robot = ROBOTS[name]
    if jerk is None:
        return robot
    limits = replace(robot.limits, joint_jerk=(jerk,) * len(HOMES[name]))
    return replace(robot, limits=limits)


@given(st.sampled_from(list(HOMES)), st.integers(0, 2**32 - 1), st.sampled_from([None, JERKY]))
@settings(max_examples=20, deadline=None)
def test_a_path_into_the_table_stops_before_it(name, seed, jerk) -> None:
    """The governor alone, on a path that nobody has planned."""
    rng = np.random.default_rng(seed)
    robot, points, home = robot_of(name, jerk), watched(name), HOMES[name]
    governor = Governor(Bounds.of(robot.limits, JOINTS), PERIOD_S)
    governor.watch((points,))
    governor.start(home)
    commands, place = [home], home
    way = rng.normal(size=len(home))
    for _ in range(120):
        way = way + 0.2 * rng.normal(size=len(home))
        goal = place + 0.03 * way
        step = governor.step(lambda share, a=place, b=goal: a + share * (b - a))
        place = place + step.share * (goal - place) if not step.left_path else governor.value
        commands.append(step.value)
    check(robot, points, np.array(commands), BEYOND_M)


def along_a_wall(points: WatchedPoints, home: np.ndarray) -> np.ndarray:
    """Values (T, J) with which an arm that turns stays 0.1 mm before where it would be stopped:
    its elbow gives way. Every mean of some of them is beyond."""
    way = []
    elbow = np.eye(len(home))[2]
    for pan in np.linspace(-0.7, 0.4, 200):
        out, folded = home + pan * np.eye(len(home))[0], 1.2
        low, high = 0.0, folded
        for _ in range(40 if points.beyond(out).max() > 0.9 * PLANNED_M else 0):
            middle = (low + high) / 2
            beyond = points.beyond(out + middle * elbow).max() > 0.9 * PLANNED_M
            low, high = (middle, high) if beyond else (low, middle)
        way.append(out + (high if high < folded else 0.0) * elbow)
    return np.array(way)


@pytest.mark.parametrize("jerk", [None, JERKY, 300.0])
def test_means_of_what_is_inside_are_inside(jerk) -> None:
    """Along a wall that is hollow in the joints."""
    robot, home = robot_of("ur5e", jerk), HOMES["ur5e"]
    tip = next(p for p in robot.limits.points if p.name == "fingertips")
    wall = (replace(tip, low=(-0.45, -0.8, 0.0)),)
    robot = replace(robot, limits=replace(robot.limits, points=wall))
    points = WatchedPoints(watched_points(robot, load_urdf(robot.urdf)), wall)
    way = along_a_wall(points, home)
    governor = Governor(Bounds.of(robot.limits, JOINTS), PERIOD_S)
    governor.watch((points,))
    governor.start(way[0])
    commands, at, speed = [way[0]], 0.0, 8.0
    for _ in range(150):

        def path(share: float, begin: float = at) -> np.ndarray:
            index = np.arange(len(way))
            return np.array([np.interp(begin + share * speed, index, axis) for axis in way.T])

        step = governor.step(path)
        at += step.share * speed
        commands.append(step.value)
    assert at > 40
    check(robot, points, np.array(commands), BEYOND_M)


def towards_the_border(
    points: WatchedPoints, start: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Steps (16, J) that lean forward, as far as they take no point 30 mm outside."""
    goal = rng.normal(size=len(start)) * 0.3 + rng.uniform(0, 1) * np.eye(len(start))[1]
    noise = np.cumsum(rng.normal(size=(16, len(start))) * 0.01, axis=0)
    ways = np.linspace(0, 1, 16)[:, None] * goal + noise
    for share in np.linspace(1, 0.1, 10):
        if points.beyond(start + share * ways).max() < 0.03:
            break
    return start + share * ways


@given(st.sampled_from(list(HOMES)), st.integers(0, 2**32 - 1), st.sampled_from([None, JERKY]))
@settings(max_examples=20, deadline=None)
def test_chunks_whatever_they_are_keep_the_points_inside(name, seed, jerk) -> None:
    """Random chunks towards the table, some of them not fitted, through join and governor."""
    rng = np.random.default_rng(seed)
    robot, points, reach = robot_of(name, jerk), watched(name), REACHES[name]
    executor = robot_executor(robot, ExecutionSettings(period_s=PERIOD_S))
    now_ns, commands = 10**9, [HOMES[name]]
    for number in range(6):
        start = commands[-1]
        steps = towards_the_border(points, start, rng)
        steps = np.clip(steps, robot.limits.joint_lower, robot.limits.joint_upper)
        chunk = Chunk(now_ns, 10**9 // 15, signals=arm_signals(joint_position=steps))
        if executor.begins_anew:
            begin_motion(executor, reach, chunk, start, now_ns)
        if rng.random() < 0.5:
            try:
                chunk = reach.fit(chunk, start, 0.0).chunk
            except Unsolved:
                continue
        executor.accept(number + 1, chunk, now_ns)
        for _ in range(int(rng.integers(5, 60))):
            now_ns += PERIOD_NS
            setpoint = executor.setpoint(now_ns)
            if setpoint is not None:
                commands.append(setpoint.value)
    check(robot, points, np.array(commands), BEYOND_M)


@pytest.mark.parametrize("name", list(HOMES))
def test_an_arm_that_starts_outside_comes_back_and_goes_no_farther(name) -> None:
    robot, points, home = ROBOTS[name], watched(name), HOMES[name]
    lean = np.linspace(0, 1.5, 400)[:, None] * np.eye(len(home))[1]
    outside = next(q for q in home + lean if points.beyond(q).max() > 0.02)
    deepest = points.beyond(outside).max()
    governor = Governor(Bounds.of(robot.limits, JOINTS), PERIOD_S)
    governor.watch((points,))
    governor.start(outside)
    commands = [outside]
    for index in range(150):
        goal = (
            outside
            + (0.005 * index if index < 40 else -0.02 * (index - 40)) * np.eye(len(home))[1]
        )
        begin = commands[-1]
        commands.append(governor.step(lambda share, a=begin, b=goal: a + share * (b - a)).value)
    check(robot, points, np.array(commands), max(deepest, BEYOND_M))
    assert points.beyond(commands[-1]).max() < 0.0
