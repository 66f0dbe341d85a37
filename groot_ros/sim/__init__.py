"""The simulated robot: MuJoCo world, control, tasks and the loop that runs a policy on it."""

import ctypes.util
import os

# MuJoCo chooses its OpenGL platform when it is first imported, and a window system is optional.
if "MUJOCO_GL" not in os.environ:
    os.environ["MUJOCO_GL"] = "egl" if ctypes.util.find_library("EGL") else "osmesa"
