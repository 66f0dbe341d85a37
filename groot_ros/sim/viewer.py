"""A window that shows the scene."""

from __future__ import annotations

import os

import mujoco
import mujoco.viewer
import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.sim.world import COLLISION_GROUP


class Viewer:
    """MuJoCo's viewer on a copy of the scene; UserError where there is no display."""

    def __init__(self, model: mujoco.MjModel) -> None:
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            raise UserError("no display for the window (DISPLAY is not set): use gui:=false")
        self._model = model
        self._data = mujoco.MjData(model)
        self._window = mujoco.viewer.launch_passive(
            model, self._data, show_left_ui=False, show_right_ui=False
        )
        self._window.opt.geomgroup[COLLISION_GROUP] = 0

    def show(self, configuration: NDArray[np.float64]) -> None:
        """Draw a configuration (Q,); does nothing once the user has closed the window."""
        if self._window.is_running():
            with self._window.lock():
                self._data.qpos[:] = configuration
                mujoco.mj_forward(self._model, self._data)
            self._window.sync()

    def close(self) -> None:
        """Close the window."""
        self._window.close()
