"""An arm made of its robot file alone: it follows commands with a lag."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.robot.config import RobotConfig
from groot_ros.robot.inverse_kinematics import InverseKinematics
from groot_ros.robot.lag import Lag
from groot_ros.robot.urdf import Urdf
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION, Signals, arm_signals
from groot_ros.signals.space import PoseSpace
from groot_ros.sim.fake.joint_path import JointPath, joint_curve
from groot_ros.sim.fake.kinematics import joint_range, resting_joints

Array = NDArray[np.float64]

# Of an arm under position control whose file says nothing.
LAG = Lag(time_constant_s=0.04)
# A velocity controller stands still when nothing comes for as long.
TWIST_TIMEOUT_NS = 200_000_000
# Closures per second of a gripper whose file says nothing.
GRIP_SPEED = 4.0
# Where a tool is whose robot file sets no workspace: in front of a small arm, pointing down.
POSITION_M, DOWN_WXYZ = (0.35, 0.0, 0.25), (0.0, 1.0, 0.0, 0.0)
# How far from the middle of their ranges joints begin without a description, one to the one side,
# the next to the other: an arm that is stretched out can move in fewer directions.
BENT_RAD = 0.5
SPACE = PoseSpace()


@dataclass(frozen=True)
class ArmState:
    """Joints (J,) in rad, pose (7,) of the tool in the base frame, closure of the gripper.

    None where the robot file has no such signal.
    """

    joints: Array | None
    pose: Array | None
    grip: float = 0.0

    @classmethod
    def of(cls, values: Mapping[str, Array]) -> ArmState:
        """The state of the newest values of the robot file's states, by their names."""
        grip = float(values.get(GRIP.name, 0.0))
        return cls(values.get(JOINT_POSITION.name), values.get(EE_POSE.name), grip)

    @property
    def signals(self) -> Signals:
        """What the arm and its gripper measure."""
        return arm_signals(ee_pose=self.pose, joint_position=self.joints, grip=self.grip)


def resting_state(
    robot: RobotConfig, urdf: Urdf | None = None, kinematics: InverseKinematics | None = None
) -> ArmState:
    """Where a fake arm begins: its joints about the middle of their ranges, its tool in the middle
    of the workspace, or with kinematics where the joints put it, inside all boxes if that can be.
    """
    streams, limits = robot.observations, robot.limits
    joints: Array | None = None
    pose: Array | None = None
    if streams.joint_position:
        lower, upper = joint_range(robot)
        bent = np.where(np.arange(len(lower)) % 2, -BENT_RAD, BENT_RAD)
        joints = np.clip((lower + upper) / 2 + bent, 0.9 * lower + 0.1 * upper, upper)
    if kinematics and urdf and joints is not None:
        found = resting_joints(robot, urdf, kinematics)
        joints = joints if found is None else found
        pose = kinematics.pose(joints)
    elif streams.ee_pose:
        position = np.array(POSITION_M)
        if limits.workspace_min and limits.workspace_max:
            position = (np.array(limits.workspace_min) + np.array(limits.workspace_max)) / 2
        pose = np.concatenate([position, DOWN_WXYZ])
    return ArmState(joints, pose)


class FakeArm:
    """Moves as an arm under position control does: towards what its controllers want now, with the
    delay and the first-order lag of its file, within its joint ranges and speeds.

    With kinematics the joints are what moves, a pose is reached by inverse kinematics, and the
    pose that is told is that of the joints. Without, joints and pose know nothing of each other:
    each follows the commands that are meant for it.
    """

    def __init__(
        self,
        robot: RobotConfig,
        start: ArmState,
        now_ns: int,
        kinematics: InverseKinematics | None = None,
        lag: Lag | None = None,
    ) -> None:
        """`lag` is that of the robot file, or else `LAG`, unless one is given."""
        lag = lag or robot.lag or LAG
        self._limits = robot.limits
        self._kinematics = kinematics
        self._lag_s = lag.time_constant_s
        self._delay_ns = round(lag.delay_s * 1e9)
        self._grip_speed = (
            1.0 / lag.grip_s if lag.grip_s else robot.limits.grip_speed or GRIP_SPEED
        )
        # Commands that are on their way, and when the arm gets to know of each.
        self._coming: deque[tuple[int, Callable[[int], None]]] = deque()
        self._now_ns = now_ns
        self._twist_ns = now_ns
        self._twist = np.zeros(6)
        self.joints = start.joints
        self.joint_velocity = np.zeros(0 if start.joints is None else len(start.joints))
        self.pose = start.pose
        if kinematics and start.joints is not None:
            self.pose = kinematics.pose(start.joints)
        self.grip = self._wanted_grip = start.grip
        self._wanted_joints: Callable[[int], Array] | None = None
        self._wanted_pose: Array | None = None
        # What inverse kinematics found last, from where it goes on, and what it is drawn towards.
        self._solved = self._posture = start.joints

    @property
    def state(self) -> ArmState:
        """The present state of the arm."""
        return ArmState(self.joints, self.pose, self.grip)

    def _later(self, now_ns: int, obey: Callable[[int], None]) -> None:
        """Obey a command of now when the delay is over; `obey` is told that time."""
        if self._delay_ns:
            self._coming.append((now_ns + self._delay_ns, obey))
        else:
            obey(now_ns)

    def follow_pose(self, pose: Array) -> None:
        """Command a pose (7,) in the base frame."""
        self._later(self._now_ns, lambda _: self._obey_pose(pose))

    def _obey_pose(self, pose: Array) -> None:
        if self._wanted_pose is None:
            self._solved = self.joints
        self._wanted_pose, self._wanted_joints = pose, None
        self._twist = np.zeros(6)

    def follow_twist(self, twist: Array, now_ns: int) -> None:
        """Command a velocity (6,) of the tool, linear (m/s) then angular (rad/s), in the base
        frame."""
        self._later(now_ns, lambda time_ns: self._obey_twist(twist, time_ns))

    def _obey_twist(self, twist: Array, now_ns: int) -> None:
        if self._wanted_pose is None and self.pose is not None:
            self._obey_pose(self.pose)
        self._twist, self._twist_ns = twist, now_ns

    def follow_joints(self, joints: ArrayLike) -> None:
        """Command joint positions (J,) in rad."""
        wanted = np.array(joints, dtype=np.float64)
        self._later(self._now_ns, lambda _: self._obey_joints(wanted))

    def _obey_joints(self, wanted: Array) -> None:
        self._wanted_joints, self._wanted_pose = (lambda _: wanted), None

    def follow_path(self, path: JointPath, now_ns: int) -> None:
        """Command a joint trajectory; it begins where the last one is."""
        self._later(now_ns, lambda time_ns: self._obey_path(path, time_ns))

    def _obey_path(self, path: JointPath, now_ns: int) -> None:
        start, speed = self._begin(now_ns)
        times_s = np.concatenate([[0.0], path.times_s])
        positions = np.vstack([start, path.positions])
        velocities = None if path.velocities is None else np.vstack([speed, path.velocities])
        curve, end_s = joint_curve(times_s, positions, velocities), float(times_s[-1])
        self._wanted_joints = lambda time_ns: curve(min((time_ns - now_ns) / 1e9, end_s))
        self._wanted_pose = None

    def _begin(self, now_ns: int) -> tuple[Array, Array]:
        """Position and velocity at which a trajectory takes over, those of the one before."""
        if self._wanted_joints is None:
            assert self.joints is not None
            return self.joints, self.joint_velocity
        step_ns = 1_000_000
        now, before = self._wanted_joints(now_ns), self._wanted_joints(now_ns - step_ns)
        return now, (now - before) / (step_ns / 1e9)

    def follow_grip(self, closure: float) -> None:
        """Command a closure of the gripper in [0, 1]."""
        self._wanted_grip = closure

    def follow(self, signals: Signals) -> None:
        """Command a pose or joints, and a closure."""
        obey: dict[str, Callable[[Any], None]] = {
            EE_POSE.name: self.follow_pose,
            JOINT_POSITION.name: self.follow_joints,
            GRIP.name: lambda closure: self.follow_grip(float(closure)),
        }
        for name, value in signals.items():
            obey[name](value)

    @property
    def is_grip_reached(self) -> bool:
        """Whether the gripper is where it was commanded to."""
        return self.grip == self._wanted_grip

    def advance(self, now_ns: int) -> None:
        """Advance to `now_ns`; after a clock that was set back it continues from there."""
        is_set_back = now_ns < self._now_ns
        while self._coming and (is_set_back or self._coming[0][0] < now_ns):
            due_ns, obey = self._coming.popleft()
            self._move(min(due_ns, now_ns))
            obey(self._now_ns)
        self._move(now_ns)

    def _move(self, now_ns: int) -> None:
        """Follow what is wanted until a time."""
        duration_s = (now_ns - self._now_ns) / 1e9
        self._now_ns = now_ns
        if duration_s <= 0:
            return
        share = 1.0 - float(np.exp(-duration_s / self._lag_s)) if self._lag_s > 0 else 1.0
        if np.any(self._twist):
            self._integrate_twist(now_ns, duration_s)
        if self._wanted_pose is not None and self._kinematics is None:
            self._move_pose(self._wanted_pose, share, duration_s)
        elif self.joints is not None:
            self._move_joints(self._goal(now_ns), share, duration_s)
        most = self._grip_speed * duration_s
        way = self._wanted_grip - self.grip
        self.grip = self._wanted_grip if abs(way) <= most else self.grip + np.sign(way) * most

    def _integrate_twist(self, now_ns: int, duration_s: float) -> None:
        if now_ns - self._twist_ns > TWIST_TIMEOUT_NS:
            self._twist = np.zeros(6)
        elif self._wanted_pose is not None:
            self._wanted_pose = SPACE.displace(self._wanted_pose, self._twist * duration_s)

    def _goal(self, now_ns: int) -> Array:
        assert self.joints is not None
        if self._wanted_pose is not None:
            assert self._kinematics and self._solved is not None and self._posture is not None
            solution = self._kinematics.solve(
                self._wanted_pose[None], self._solved[None], self._posture
            )
            self._solved = goal = np.asarray(solution.joints[0])
            return goal
        return self._wanted_joints(now_ns) if self._wanted_joints else self.joints

    def _move_joints(self, goal: Array, share: float, duration_s: float) -> None:
        assert self.joints is not None
        limits, before = self._limits, self.joints
        step = share * (goal - before)
        if limits.joint_velocity:
            most = np.array(limits.joint_velocity) * duration_s
            step = np.clip(step, -most, most)
        after: Array = before + step
        if limits.joint_lower and limits.joint_upper:
            after = np.clip(after, limits.joint_lower, limits.joint_upper)
        self.joints, self.joint_velocity = after, (after - before) / duration_s
        if self._kinematics:
            self.pose = self._kinematics.pose(after)

    def _move_pose(self, goal: Array, share: float, duration_s: float) -> None:
        assert self.pose is not None
        step = share * SPACE.difference(goal, self.pose)
        limits = self._limits
        for part, most in (
            (slice(0, 3), limits.linear_velocity),
            (slice(3, 6), limits.angular_velocity),
        ):
            length = float(np.linalg.norm(step[part]))
            if most and length > most * duration_s:
                step[part] *= most * duration_s / length
        self.pose = SPACE.displace(self.pose, step)
