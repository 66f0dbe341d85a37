"""Files that ship beside the Python code: robot files, URDF, launch and rviz configuration."""

from __future__ import annotations

from pathlib import Path

PACKAGE = "groot_ros"


def share_file(relative: str) -> Path:
    """Path of a shipped file such as `config/robots/sim.yaml`.

    Found in the source checkout, in a colcon install space or below a Python prefix, with or
    without ROS. Raises FileNotFoundError when it is in none of them.
    """
    for parent in Path(__file__).resolve().parents:
        for root in (parent, parent / "share" / PACKAGE):
            if (root / relative).exists():
                return root / relative
    raise FileNotFoundError(f"{relative} is not part of this installation of {PACKAGE}")
