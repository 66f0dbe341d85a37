"""Parameters of the simulation node, and of anybody's simulator."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.nodes.parameters import parameter
from groot_ros.sim.starts import STARTS


@dataclass(frozen=True)
class SimulatorParameters:
    """Parameters of a simulator's node."""

    seed: int = parameter(0, "scene of the next reset; each reset goes one on", low=0)
    real_time_factor: float = parameter(
        1.0,
        "simulated time per time at most; 0: as fast as the machine can",
        low=0.0,
        high=100.0,
        read_only=True,
    )


@dataclass(frozen=True)
class SimParameters(SimulatorParameters):
    """Parameters of the simulation node."""

    robot: str = parameter("sim", "robot file that names the topics", read_only=True)
    task: str = parameter("pick up the red cube", "what is to be done, in words", read_only=True)
    start: str = parameter(
        "random", "where the hand is after the next reset", choices=tuple(STARTS)
    )
    disturbance: float = parameter(
        0.0,
        "probability, every 1/15 s, of a burst of pushes on the pose commands: what was commanded "
        "is then not what is done",
        low=0.0,
        high=1.0,
        read_only=True,
    )
    cubes: str = parameter("red", "colors of the cubes, separated by commas", read_only=True)
    image_width: int = parameter(
        320, "width of the pictures", unit="pixels", low=16, high=1920, read_only=True
    )
    image_height: int = parameter(
        240, "height of the pictures", unit="pixels", low=16, high=1200, read_only=True
    )
    image_rate: float = parameter(
        15.0, "pictures per second and camera", unit="Hz", low=0.1, high=60.0, read_only=True
    )
    real_time: bool = parameter(
        False,
        "live on the wall clock, whether the machine keeps up or not, in place of being the clock",
        read_only=True,
    )
    state_latency: float = parameter(
        0.0,
        "how late states are published in simulated time",
        unit="s",
        low=0.0,
        high=10.0,
        read_only=True,
    )
    camera_latency: float = parameter(
        0.0,
        "how late pictures are published in simulated time",
        unit="s",
        low=0.0,
        high=10.0,
        read_only=True,
    )
    gui: bool = parameter(False, "open a window with the scene", read_only=True)
