"""Packages that only some of the work needs: what to install when one is missing."""

from __future__ import annotations

from groot_ros.errors import UserError

# The extra of setup.py by what is imported.
EXTRAS = {
    **dict.fromkeys(("safetensors", "tokenizers", "torch", "transformers"), "serve"),
    **dict.fromkeys(("accelerate", "peft", "tensorboard"), "train"),
    "ray": "ray",
    **dict.fromkeys(("daqp", "mink", "mujoco"), "sim"),
    **dict.fromkeys(("starlette", "uvicorn"), "view"),
}
ROS = ("launch", "launch_ros", "rclpy")


def missing_package(error: ModuleNotFoundError) -> UserError | None:
    """How to mend an import that failed; None for a package that is no user's business."""
    if error.name in ROS or str(error.name).endswith(("_msgs", "_interfaces")):
        return UserError(
            f"{error.name} is not there, this needs ROS 2: source its setup file, or env.sh of "
            "the clone"
        )
    if error.name not in EXTRAS:
        return None
    return UserError(
        f"{error.name} is not installed: pip install 'groot_ros[{EXTRAS[error.name]}]'"
    )
