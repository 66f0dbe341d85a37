"""Pictures of the simulated scene."""

from __future__ import annotations

import os

import mujoco
import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.sim.world import COLLISION_GROUP


class SceneRenderer:
    """Draws camera pictures offscreen; create, use and close it in one and the same thread."""

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        self._model = model
        self._data = mujoco.MjData(model)
        self._option = mujoco.MjvOption()
        self._option.geomgroup[COLLISION_GROUP] = 0
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except (mujoco.FatalError, ImportError, RuntimeError, AttributeError) as error:
            raise UserError(
                f"cannot draw pictures with MUJOCO_GL={os.environ.get('MUJOCO_GL')}: install the "
                f"package libegl1 and do not set MUJOCO_GL ({error})"
            ) from error
        flags = self._renderer.scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0

    def place(self, joint_state: NDArray[np.float64]) -> None:
        """Set the configuration (Q,), as of `MjData.qpos`."""
        self._data.qpos[:] = joint_state
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)

    def render(self, camera: str) -> NDArray[np.uint8]:
        """Picture (H, W, 3) RGB of a camera."""
        self._renderer.update_scene(self._data, camera, self._option)
        return np.asarray(self._renderer.render())

    def close(self) -> None:
        """Give the OpenGL context back."""
        self._renderer.close()
