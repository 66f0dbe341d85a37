"""Parameters of the recorder node."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.nodes.parameters import lockstep_parameter, parameter, robot_parameter


@dataclass(frozen=True)
class RecorderParameters:
    """Parameters of the recorder node."""

    robot: str = robot_parameter()
    output: str = parameter("recordings", "folder for the bags, one per episode", read_only=True)
    topics: str = parameter(
        "",
        "topics to record beside the robot file's, comma separated, * allowed; empty for all",
        read_only=True,
    )
    exclude: str = parameter(
        "",
        "topics not to record unless the robot file names them, comma separated, * allowed",
        read_only=True,
    )
    instruction: str = parameter("", "task of the next episode, in words")
    note: str = parameter("", "the operator's words, kept with the next episode")
    compression: str = parameter(
        "none",
        "zstd makes bags smaller and costs processor time",
        choices=("none", "zstd"),
        read_only=True,
    )
    buffer: int = parameter(
        512,
        "messages that may wait for a slow disk",
        unit="MiB",
        low=16,
        high=65536,
        read_only=True,
    )
    min_disk_space: float = parameter(
        1.0,
        "the episode is stopped when less is left",
        unit="GB",
        low=0.0,
        high=1000.0,
        read_only=True,
    )
    lockstep: bool = lockstep_parameter()
