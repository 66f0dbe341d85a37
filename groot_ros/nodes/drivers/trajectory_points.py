"""A motion as the points of a trajectory message: what its controller makes of them is checked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.controller_spline import (
    FollowedPoints,
    Points,
    controller_excess,
    interpolated,
    led_over,
)
from groot_ros.nodes.drivers.command import Command

Array = NDArray[np.float64]
State = tuple[Array, Array]

# A trajectory's points are about this far apart, nearer where a controller's cubics need it.
POINT_SPACINGS_S = (0.04, 0.02, 0.01)
# The velocity now is that of the last command and of the way that the motion goes in this time.
AHEAD_S = 0.005
# Between its points a controller is no farther (rad or m) from the motion where that can be.
MOST_ASTRAY = 1e-4
# One that is farther is where another motion ended.
NEAR = 0.05
# What is nearer is gone over within a point, or longer where the limits want it.
LED_OVER_S = (0.0, 0.1, 0.2)


def trajectory_points(
    bounds: Bounds, command: Command, least_s: float, followed: FollowedPoints | None = None
) -> Points:
    """A motion from now on, as points between which a controller's cubics keep to the bounds; at
    least `least_s` long.

    `followed` is what the controller follows: where it is on that is not quite where the motion
    is, whose points are led over from there.
    """
    start, before = _start(command, followed)
    best, least = None, np.inf
    for points, astray in _candidates(command, least_s, start):
        found = max(controller_excess(bounds, points, before), astray)
        if found < least:
            best, least = points, found
        if least <= 1.0:
            break
    assert best is not None
    return best


def _candidates(
    command: Command, least_s: float, start: State | None
) -> Iterator[tuple[Points, float]]:
    """Points, the coarsest first, and how far from the motion they come as a share of what may
    be."""
    for spacing_s in POINT_SPACINGS_S:
        points = _points(command, spacing_s, least_s)
        astray = _astray(command, points) / MOST_ASTRAY
        if start is None:
            yield points, astray
            continue
        for within_s in LED_OVER_S:
            yield led_over(points, *start, max(within_s, spacing_s)), astray


def _start(command: Command, followed: FollowedPoints | None) -> tuple[State | None, Array | None]:
    """Position and velocity where the controller is, and where it was before; None where the
    motion begins elsewhere."""
    if followed is None:
        return None, None
    position, velocity = followed.state(command.stamp_ns)
    if np.any(np.abs(position - command.setpoint.value) > NEAR):
        return None, None
    return (position, velocity), followed.before(command.stamp_ns)


def _points(command: Command, spacing_s: float, least_s: float) -> Points:
    motion, setpoint = command.motion, command.setpoint
    assert setpoint.velocity is not None
    past_s = (command.time_ns - motion.start_ns) / 1e9
    left_s = max(motion.curve.duration_s - past_s, 0.0)
    count = max(1, round(max(left_s, least_s) / spacing_s))
    times_s = np.linspace(0.0, max(left_s, least_s, spacing_s), count + 1)
    positions, velocities = motion.curve.state(past_s + times_s)
    positions, velocities = positions.copy(), velocities.copy()
    positions[0], velocities[-1] = setpoint.value, 0.0
    ahead = (motion.curve.at(past_s + AHEAD_S) - positions[0]) / AHEAD_S
    velocities[0] = (setpoint.velocity + ahead) / 2
    return Points(times_s, positions, velocities)


def _astray(command: Command, points: Points) -> float:
    """How far from the motion the cubics come: the next message begins there."""
    at_s: Array = np.arange(0.0, points.times_s[-1], POINT_SPACINGS_S[-1])
    past_s = (command.time_ns - command.motion.start_ns) / 1e9
    away = interpolated(points, at_s) - command.motion.curve.at(past_s + at_s)
    # From the setpoint on it has the first point to get there.
    return float(np.abs(away[at_s >= points.times_s[1]]).max(initial=0.0))


def grip_time_s(command: Command, speed: float | None) -> float:
    """How long the gripper still moves, at a speed in closures per second."""
    closure, goal = command.setpoint.closure, command.grip_goal
    if closure is None or goal is None or speed is None:
        return 0.0
    return abs(goal - closure) / speed
