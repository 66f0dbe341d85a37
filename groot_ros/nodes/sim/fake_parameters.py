"""Parameters of the fake robot."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.nodes.parameters import parameter, robot_parameter


@dataclass(frozen=True)
class FakeParameters:
    """Parameters of the fake robot."""

    robot: str = robot_parameter()
    pictures: str = parameter(
        "",
        "bag whose pictures the cameras show and where whose arm was it begins; empty: a test "
        "pattern",
        read_only=True,
    )
    image_width: int = parameter(
        640, "width of the test pattern", unit="pixels", low=16, high=3840, read_only=True
    )
    image_height: int = parameter(
        480, "height of the test pattern", unit="pixels", low=16, high=2160, read_only=True
    )
    image_rate: float = parameter(
        30.0, "pictures per second and camera", unit="Hz", low=0.1, high=120.0, read_only=True
    )
    state_rate: float = parameter(
        100.0, "joint states and poses per second", unit="Hz", low=1.0, high=1000.0, read_only=True
    )
    lag: float = parameter(
        0.0,
        "time constant with which the arm follows; 0: that of the robot file, or 0.04",
        unit="s",
        low=0.0,
        high=1.0,
        read_only=True,
    )
