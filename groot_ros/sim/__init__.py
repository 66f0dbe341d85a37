"""The simulated robot: MuJoCo world, control, tasks and the loop that runs a policy on it."""

import os
from ctypes.util import find_library


def _opengl_platform() -> str:
    """The one to draw with where there may be no display; MuJoCo's name for it."""
    for name, library in (("egl", "EGL"), ("osmesa", "OSMesa")):
        if find_library(library):
            return name
    return "disable"


# MuJoCo reads this when it is first imported.
if "MUJOCO_GL" not in os.environ:
    os.environ["MUJOCO_GL"] = _opengl_platform()
