"""Inverse kinematics of an arm from its URDF, for poses on robots that take joint positions.

mujoco and mink are imported when an arm is loaded, so that nobody else needs them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groot_ros.errors import UserError
from groot_ros.robot_limits import Limits

Array = NDArray[np.float64]

POSITION_COST, ORIENTATION_COST = 1.0, 0.3
# Keeps joint speeds bounded near singularities.
DAMPING = 1e-3
POSTURE_COST = 1e-3
UNLIMITED_RAD_S = 3.0
ITERATIONS = 3
"""Newton steps for one command; the motion between two commands is short."""
UNREACHED_M, UNREACHED_RAD = 0.005, 0.05


@dataclass(frozen=True)
class Solution:
    """Joints (J,) in rad for a pose, and how far they leave the tool from it."""

    joints: Array
    error_m: float
    error_rad: float

    @property
    def is_reached(self) -> bool:
        return self.error_m <= UNREACHED_M and self.error_rad <= UNREACHED_RAD


class ArmKinematics:
    """Joint positions that put the tool at poses, one after the other.

    Each solution starts at the one before, within the joint limits and speeds; what the pose
    leaves free is drawn towards the posture of the first call.
    """

    def __init__(
        self, urdf: str, joints: tuple[str, ...], base_frame: str, tool: str, limits: Limits
    ) -> None:
        """`urdf` is the description itself; UserError when it lacks a joint or frame."""
        import mink
        import mujoco

        self._mink = mink
        try:
            self._model = mujoco.MjModel.from_xml_string(_without_geometry(urdf))
        except ValueError as error:
            raise UserError(
                f"the URDF cannot be read: {error}; check it with check_urdf"
            ) from error
        self._addresses = np.array([self._address(name) for name in joints])
        self._tool = tool
        self._base = base_frame
        for frame in (tool, base_frame):
            self._check_frame(frame)
        self._configuration = mink.Configuration(self._model)
        self._frame = mink.RelativeFrameTask(
            tool,
            "body",
            base_frame,
            "body",
            position_cost=POSITION_COST,
            orientation_cost=ORIENTATION_COST,
            lm_damping=DAMPING,
        )
        self._posture = mink.PostureTask(self._model, cost=POSTURE_COST)
        velocity = limits.joint_velocity or (UNLIMITED_RAD_S,) * len(joints)
        self._limits = [
            mink.ConfigurationLimit(self._model),
            mink.VelocityLimit(self._model, dict(zip(joints, velocity, strict=True))),
        ]
        self._has_posture = False

    def _address(self, joint: str) -> int:
        try:
            return int(self._model.joint(joint).qposadr[0])
        except KeyError as error:
            raise UserError(
                f"the URDF has no joint {joint!r}: the robot file's observations.joint_position "
                "names another arm"
            ) from error

    def _check_frame(self, frame: str) -> None:
        names = [self._model.body(index).name for index in range(self._model.nbody)]
        if frame not in names:
            raise UserError(
                f"the URDF has no link {frame!r}, only {', '.join(names[1:])}: mend base_frame or "
                "output.kinematics.tool in the robot file"
            )

    def _place(self, joints: ArrayLike) -> None:
        positions = self._configuration.q.copy()
        positions[self._addresses] = joints
        self._configuration.update(positions)
        if not self._has_posture:
            self._posture.set_target(positions)
            self._has_posture = True

    def forward(self, joints: ArrayLike) -> Array:
        """Pose (7,) of the tool in the base frame."""
        self._place(joints)
        transform = self._configuration.get_transform(self._tool, "body", self._base, "body")
        return np.concatenate([transform.translation(), transform.rotation().wxyz])

    def solve(self, pose: Array, start: Array, duration_s: float) -> Solution:
        """Joints for a pose that is to be reached in a time from `start` on."""
        self._place(start)
        target = self._mink.SE3(np.concatenate([pose[3:], pose[:3]]))
        self._frame.set_target(target)
        part_s = duration_s / ITERATIONS
        for _ in range(ITERATIONS):
            speed = self._mink.solve_ik(
                self._configuration,
                [self._frame, self._posture],
                part_s,
                solver="daqp",
                limits=self._limits,
            )
            self._configuration.integrate_inplace(speed, part_s)
        error = self._frame.compute_error(self._configuration)
        return Solution(
            self._configuration.q[self._addresses].copy(),
            float(np.linalg.norm(error[:3])),
            float(np.linalg.norm(error[3:])),
        )


def _without_geometry(urdf: str) -> str:
    """The description without meshes, which only drawing needs; fixed links stay apart."""
    for tag in ("visual", "collision", "mujoco"):
        urdf = re.sub(rf"<{tag}\b.*?</{tag}>", "", urdf, flags=re.DOTALL)
    # Links without inertia are common and of no matter here.
    option = '<mujoco><compiler fusestatic="false" boundmass="1" boundinertia="1"/></mujoco>'
    return re.sub(r"</robot>\s*$", f"{option}</robot>", urdf.strip())
