"""The expert of the simulated robot: reaches for cubes and picks them up by sight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.errors import UserError
from groot_ros.geometry import rotation_angle, slerp
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policy import Inputs
from groot_ros.signals.signals import EE_POSE, GRIP, arm_signals
from groot_ros.sim.locator import CAMERA, Locator, locate_in_picture
from groot_ros.sim.scene import CUBE_SIZE_M, DOWN_WXYZ, FINGER_OPEN_M
from groot_ros.sim.tasks import Task

Array = NDArray[np.float64]

HORIZON = 16
STEP_S = 1.0 / 15.0
STEP_NS = round(STEP_S * 1e9)
# The hand follows a command about this late, so commands run ahead of it by as much.
LAG_S = 0.035

FAST_M_S = 0.22
SLOW_M_S = 0.08
LIFT_M_S = 0.12
TURN_RAD_S = 1.0
GRIP_RATE_HZ = 1.25
"""Closure per second of the gripper."""

GRASP_Z_M = CUBE_SIZE_M / 2
REACH_Z_M = CUBE_SIZE_M + 0.006
HOVER_M = 0.10
LIFTED_Z_M = 0.17
ALIGNED_M = 0.006
ARRIVED_M = 0.010
FUNNEL_SLOPE = 4.0
NEAR_M = 0.06

SEARCH_Z_M = 0.25

OPEN_GRIP = 0.15
CUBE_GRIP = 1.0 - CUBE_SIZE_M / 2 / FINGER_OPEN_M
"""Closure at which the fingers touch a cube that lies flush between them."""
ASKEW_GRIP = CUBE_GRIP - 0.17
SQUEEZED_GRIP = CUBE_GRIP + 0.1
GRIP_TOLERANCE = 0.03


@dataclass(frozen=True)
class _Hand:
    """The hand as measured or foreseen: pose (7,), closure, whether that is to grow, and rests."""

    pose: Array
    grip: float
    is_closing: bool
    is_still: bool

    @property
    def holds_cube(self) -> bool:
        lowest = ASKEW_GRIP if self.is_still else CUBE_GRIP - GRIP_TOLERANCE
        return self.is_closing and lowest < self.grip < SQUEEZED_GRIP


@dataclass(frozen=True)
class _Goal:
    """Where the hand should go now (3,), how fast, and the closure to command."""

    position: Array
    speed_m_s: float
    grip: float


class ScriptedPolicy:
    """Does `reach` and `pick` from what an Observation says and nothing else.

    Each chunk follows a funnel: the farther the hand is from above the cube, the higher it
    should be. What to do next is read off the measured hand, so a missed grasp, a push or a
    cube that moved is answered without a plan; only the cube's last known place is remembered,
    for the hand hides it.
    """

    no_continuation = "the scripted policy makes every chunk anew"
    inputs = Inputs(fields=("ee_pose", "grip"), cameras=(CAMERA,))

    def __init__(self, locate: Locator = locate_in_picture) -> None:
        self._locate = locate
        self._forget()

    def _forget(self) -> None:
        self._cube: Array | None = None
        self._cube_color = ""
        self._last_chunk: Chunk | None = None
        self._last_grip = np.inf

    def open(self) -> None:
        """Nothing has to be loaded."""

    def reset(self, instruction: str) -> None:
        """Forget the cube; UserError for an instruction that names no task."""
        Task.parse(instruction)
        self._forget()

    def close(self) -> None:
        """Nothing is held."""

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """16 steps of 1/15 s towards the goal of `observation.instruction`."""
        task = Task.parse(observation.instruction)
        hand = self._measured_hand(observation, task)
        if not hand.holds_cube:
            self._look(observation, task.color)
        poses, grips = [], []
        step_s = LAG_S
        for _ in range(HORIZON):
            goal = _goal(task, hand, self._cube)
            pose = _towards(hand.pose, goal, step_s)
            hand = _foreseen_hand(hand, pose, goal.grip, self._cube)
            poses.append(pose)
            grips.append(goal.grip)
            step_s = STEP_S
        self._last_chunk = Chunk(
            observation.stamp_ns, STEP_NS, signals=arm_signals(ee_pose=poses, grip=grips)
        )
        return self._last_chunk

    def _measured_hand(self, observation: Observation, task: Task) -> _Hand:
        seen = observation.signals
        pose, closure = seen.get(EE_POSE.name), seen.get(GRIP.name)
        if pose is None or closure is None:
            raise UserError(
                "the scripted policy needs ee_pose and grip: name both in the robot file's "
                "observations"
            )
        last = self._last_chunk
        was_told_to_open = last is not None and last.sample(observation.stamp_ns)[GRIP.name] == 0.0
        grip = float(closure)
        is_still = abs(grip - self._last_grip) < GRIP_TOLERANCE
        self._last_grip = grip
        return _Hand(pose, grip, task.kind == "pick" and not was_told_to_open, is_still)

    def _look(self, observation: Observation, color: str) -> None:
        seen = self._locate(observation, color)
        if seen is not None or color != self._cube_color:
            self._cube, self._cube_color = seen, color


def _goal(task: Task, hand: _Hand, cube: Array | None) -> _Goal:
    position = hand.pose[:3]
    if hand.holds_cube:
        return _Goal(np.array([*position[:2], LIFTED_Z_M]), LIFT_M_S, 1.0)
    if cube is None:
        return _Goal(np.array([*position[:2], max(position[2], SEARCH_Z_M)]), FAST_M_S, 0.0)
    distance = float(np.linalg.norm(position[:2] - cube[:2]))
    if task.kind == "reach":
        return _approach(position, cube, distance, REACH_Z_M)
    if _is_around(position, cube) and hand.grip < SQUEEZED_GRIP:
        return _Goal(np.array([*cube[:2], GRASP_Z_M]), SLOW_M_S, 1.0)
    if hand.grip > OPEN_GRIP:
        height = max(position[2], GRASP_Z_M + HOVER_M)
        return _Goal(np.array([*position[:2], height]), SLOW_M_S, 0.0)
    return _approach(position, cube, distance, GRASP_Z_M)


def _is_around(position: Array, cube: Array) -> bool:
    """Whether the open fingers have the cube between them."""
    aside = np.linalg.norm(position[:2] - cube[:2])
    return bool(aside < ARRIVED_M and position[2] < GRASP_Z_M + ARRIVED_M)


def _approach(position: Array, cube: Array, distance: float, lowest: float) -> _Goal:
    height = lowest + min(HOVER_M, FUNNEL_SLOPE * max(0.0, distance - ALIGNED_M))
    is_near = distance < NEAR_M and position[2] < lowest + HOVER_M
    # Below the funnel something may be in the way: up first.
    target = position if position[2] < height - 2 * ARRIVED_M else cube
    return _Goal(np.array([*target[:2], height]), SLOW_M_S if is_near else FAST_M_S, 0.0)


def _towards(pose: Array, goal: _Goal, duration_s: float) -> Array:
    """The pose a step further on the way to a goal, turning the hand down."""
    way = goal.position - pose[:3]
    length = float(np.linalg.norm(way))
    share = min(1.0, goal.speed_m_s * duration_s / length) if length > 0 else 1.0
    angle = float(rotation_angle(pose[3:], DOWN_WXYZ))
    turn = min(1.0, TURN_RAD_S * duration_s / angle) if angle > 0 else 1.0
    return np.concatenate([pose[:3] + share * way, slerp(pose[3:], DOWN_WXYZ, turn)])


def _foreseen_hand(hand: _Hand, pose: Array, command: float, cube: Array | None) -> _Hand:
    travel = GRIP_RATE_HZ * STEP_S
    grip = hand.grip + float(np.clip(command - hand.grip, -travel, travel))
    has_cube = hand.holds_cube or (cube is not None and _is_around(hand.pose, cube))
    if has_cube and hand.grip < SQUEEZED_GRIP:
        grip = min(grip, max(hand.grip, CUBE_GRIP))
    return _Hand(pose, grip, command == 1.0, abs(grip - hand.grip) < GRIP_TOLERANCE)
