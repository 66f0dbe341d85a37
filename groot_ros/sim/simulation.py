"""The simulated robot as one object: targets in, time on, state and pictures out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.errors import UserError
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION, Signals, arm_signals
from groot_ros.sim.control import (
    ACCELERATION_RAD_S2,
    JointReference,
    Kinematics,
    PoseReference,
    Reference,
    TrajectoryReference,
    limit_change,
)
from groot_ros.sim.rendering import SceneRenderer
from groot_ros.sim.scene import ARM_JOINTS, EE_FRAME, FINGER_JOINTS, FINGER_OPEN_M
from groot_ros.sim.starts import StartState, draw_cubes, random_start
from groot_ros.sim.tasks import SuccessTest, Task
from groot_ros.sim.world import WorldConfig, build_world

Array = NDArray[np.float64]
StartSampler = Callable[[np.random.Generator, Array], StartState]

FINGER_SPEED_M_S = 0.05


@dataclass(frozen=True)
class SimConfig:
    """How the robot is simulated."""

    world: WorldConfig = field(default_factory=WorldConfig)
    control_rate_hz: float = 100.0
    image_width: int = 320
    image_height: int = 240


class Simulation:
    """A seven-joint arm at a table with cubes. Not thread-safe; `render` is bound to one thread.

    Poses are those of `fr3_hand_tcp` in the frame `fr3_link0`.
    """

    def __init__(self, config: SimConfig | None = None) -> None:
        self.config = config or SimConfig()
        self.model = build_world(self.config.world)
        self._data = mujoco.MjData(self.model)
        self._kinematics = Kinematics()
        self._renderer: SceneRenderer | None = None
        # Drawing takes longer than a control period; recorder and policy look at the same moment.
        self._pictures: dict[str, NDArray[np.uint8]] = {}
        self._period_s = 1.0 / self.config.control_rate_hz
        self._substeps = round(self._period_s / self.config.world.timestep_s)
        self._arm = np.array([self.model.joint(name).qposadr[0] for name in ARM_JOINTS])
        self._arm_dofs = np.array([self.model.joint(name).dofadr[0] for name in ARM_JOINTS])
        self._joint_range = np.transpose([self.model.joint(name).range for name in ARM_JOINTS])
        # The servos damp absolute velocity; a target this far ahead makes up for it.
        arm = slice(0, len(ARM_JOINTS))
        self._servo_lead_s = (
            -self.model.actuator_biasprm[arm, 2] / self.model.actuator_gainprm[arm, 0]
        )
        self.reset(seed=0, task=Task("pick", self.config.world.cubes[0]))

    def reset(self, seed: int, task: Task, start: StartSampler = random_start) -> None:
        """Begin an episode at time zero: cubes and start pose drawn from `seed`.

        `start` draws where the hand begins, given the position of a cube: whichever the task
        means, so that a start does not tell it.
        """
        self._pictures.clear()
        rng = np.random.default_rng(seed)
        cubes = self.config.world.cubes
        mujoco.mj_resetData(self.model, self._data)
        for color, pose in zip(cubes, draw_cubes(rng, len(cubes)), strict=True):
            self._data.joint(f"{color}_cube").qpos = pose
        mujoco.mj_kinematics(self.model, self._data)
        self.set_task(task)
        self._place_arm(start(rng, self.cube_position(cubes[seed % len(cubes)])))

    def set_task(self, task: Task) -> None:
        """Watch for the success of another task in the present scene; UserError where it has no
        such cube."""
        if task.color not in self.config.world.cubes:
            raise UserError(
                f"the scene has no {task.color} cube, expected one of "
                f"{list(self.config.world.cubes)}"
            )
        self._success = SuccessTest(task)

    def _place_arm(self, start: StartState) -> None:
        self._joint_target = self._kinematics.solve(start.ee_pose)
        self._joint_speed = np.zeros(len(ARM_JOINTS))
        self._opening = self._opening_target = FINGER_OPEN_M * (1.0 - start.grip)
        self._due_s = 0.0
        self._data.qpos[self._arm] = self._joint_target
        for name in FINGER_JOINTS:
            self._data.joint(name).qpos = self._opening
        self.set_joint_target(self._joint_target)
        mujoco.mj_forward(self.model, self._data)

    def set_pose_target(self, pose: ArrayLike) -> None:
        """Lead the tool center point to a pose (7,)."""
        self._reference: Reference = PoseReference(self._kinematics, _finite("pose", pose, 7))

    def set_joint_target(self, joints: ArrayLike) -> None:
        """Lead the arm's joints to positions (7,) in rad."""
        self._reference = JointReference(
            self._kinematics.velocity_limits, _finite("joint target", joints, len(ARM_JOINTS))
        )

    def set_joint_trajectory(
        self, times_s: ArrayLike, positions: ArrayLike, velocities: ArrayLike | None = None
    ) -> None:
        """Lead the joints through positions (T, 7) rad at times (T,) s > 0 from now.

        Velocities (T, 7) rad/s shape the way between them.
        """
        self._reference = TrajectoryReference(
            self._kinematics.velocity_limits,
            np.append(0.0, times_s) + self.time_s,
            np.vstack([self._joint_target, _finite("positions", positions, len(ARM_JOINTS))]),
            None if velocities is None else np.vstack([self._joint_speed, velocities]),
        )

    def set_grip_target(self, grip: float) -> None:
        """Close the gripper to a closure in [0, 1]; it stops at what is between the fingers."""
        closure = float(np.clip(_finite("grip", [grip], 1)[0], 0.0, 1.0))
        self._opening_target = FINGER_OPEN_M * (1.0 - closure)

    def set_targets(self, signals: Signals) -> None:
        """Lead the arm and its gripper to poses or joints and a closure."""
        targets: dict[str, Callable[[Any], None]] = {
            EE_POSE.name: self.set_pose_target,
            JOINT_POSITION.name: self.set_joint_target,
            GRIP.name: self.set_grip_target,
        }
        for name, value in signals.items():
            targets[name](value)

    @property
    def signals(self) -> Signals:
        """What the arm and its gripper measure now."""
        return arm_signals(
            ee_pose=self.ee_pose, joint_position=self.joint_position, grip=self.grip
        )

    def advance(self, duration_s: float) -> None:
        """Let time pass in whole control periods; what is left over counts next time."""
        self._due_s += duration_s
        while self._due_s >= self._period_s / 2:
            self._control()
            self._due_s -= self._period_s

    def _control(self) -> None:
        self._pictures.clear()
        speed = self._next_speed()
        travel = FINGER_SPEED_M_S * self._period_s
        self._opening += float(np.clip(self._opening_target - self._opening, -travel, travel))
        self._data.ctrl[len(ARM_JOINTS)] = self._opening
        for _ in range(self._substeps):
            self._joint_target = self._joint_target + speed * self._period_s / self._substeps
            self._data.ctrl[: len(ARM_JOINTS)] = self._joint_target + speed * self._servo_lead_s
            mujoco.mj_step(self.model, self._data)
        self._joint_speed = speed
        # A step leaves the poses of bodies as they were before it.
        mujoco.mj_kinematics(self.model, self._data)
        cube = self.cube_position(self.task.color)
        self._success.update(self.ee_pose[:3], cube, self._period_s)

    def _next_speed(self) -> Array:
        """What the reference wants, smoothed and kept within the joint limits."""
        wanted = self._reference.velocity(self._joint_target, self.time_s, self._period_s)
        speed = limit_change(self._joint_speed, wanted, ACCELERATION_RAD_S2 * self._period_s)
        goal = np.clip(self._joint_target + speed * self._period_s, *self._joint_range)
        return np.asarray((goal - self._joint_target) / self._period_s)

    @property
    def task(self) -> Task:
        """What the success test watches for."""
        return self._success.task

    @property
    def succeeded(self) -> bool:
        """Whether the task has been done since the last reset, by the true state of the scene."""
        return self._success.succeeded

    @property
    def time_s(self) -> float:
        """Time since the reset."""
        return float(self._data.time)

    @property
    def joint_position(self) -> Array:
        """Positions (7,) of the arm's joints in rad."""
        return np.array(self._data.qpos[self._arm])

    @property
    def joint_velocity(self) -> Array:
        """Velocities (7,) of the arm's joints in rad/s."""
        return np.array(self._data.qvel[self._arm_dofs])

    @property
    def ee_pose(self) -> Array:
        """Pose (7,) of the tool center point."""
        body = self._data.body(EE_FRAME)
        return np.concatenate([body.xpos, body.xquat])

    @property
    def finger_position(self) -> float:
        """Distance of one finger from the middle in m."""
        return float(self._data.joint(FINGER_JOINTS[0]).qpos[0])

    @property
    def finger_velocity(self) -> float:
        """Speed of one finger away from the middle in m/s."""
        return float(self._data.joint(FINGER_JOINTS[0]).qvel[0])

    @property
    def grip(self) -> float:
        """Closure of the gripper in [0, 1], as measured."""
        return float(np.clip(1.0 - self.finger_position / FINGER_OPEN_M, 0.0, 1.0))

    def cube_position(self, color: str) -> Array:
        """Center (3,) of a cube in m, as it truly is."""
        return np.array(self._data.body(f"{color}_cube").xpos)

    @property
    def configuration(self) -> Array:
        """The configuration (Q,) that a `SceneRenderer` draws, `MjData.qpos`."""
        return np.array(self._data.qpos)

    def render(self, camera: str, configuration: Array | None = None) -> NDArray[np.uint8]:
        """Picture (H, W, 3) RGB of the camera `exterior` or `wrist`, now or of a moment before."""
        if configuration is not None:
            return self._draw(camera, configuration)
        if camera not in self._pictures:
            self._pictures[camera] = self._draw(camera, self.configuration)
        return self._pictures[camera]

    def _draw(self, camera: str, configuration: Array) -> NDArray[np.uint8]:
        if self._renderer is None:
            self._renderer = SceneRenderer(
                self.model, self.config.image_width, self.config.image_height
            )
        self._renderer.place(configuration)
        return self._renderer.render(camera)

    def close(self) -> None:
        """Give the OpenGL context back."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def _finite(name: str, values: ArrayLike, size: int) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.shape[-1:] != (size,) or not np.all(np.isfinite(array)):
        raise UserError(f"{name} is {array.tolist()}, expected {size} finite numbers")
    return array
