"""Parameters of the executor node."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.chunks.execution.admission import LONGEST_S, MARGIN_M
from groot_ros.chunks.execution.strategies import AUTO, CHOICES
from groot_ros.nodes.parameters import (
    lockstep_parameter,
    parameter,
    robot_parameter,
    topic_parameter,
)


@dataclass(frozen=True)
class ExecutorParameters:
    """Parameters of the executor node."""

    robot: str = robot_parameter()
    chunk_topic: str = topic_parameter("policy/action_chunk", "topic of the chunks to execute")
    command_rate: float = parameter(
        0.0,
        "commands per second; 0 takes the robot file's output.rate",
        unit="Hz",
        low=0.0,
        high=1000.0,
        read_only=True,
    )
    strategy: str = parameter(
        AUTO,
        "what becomes of a new chunk while another one is executed; auto: it takes over as it "
        "arrives, whether the policy made it continue that one (rtc) or not (latest)",
        choices=CHOICES,
        read_only=True,
    )
    blend: float = parameter(
        0.25,
        "time in which the motion goes over from one chunk to the next; longer where the limits "
        "ask for it",
        unit="s",
        low=0.0,
        high=2.0,
        read_only=True,
    )
    speed_scale: float = parameter(
        1.0, "stretches the time of all chunks: 0.2 is a fifth of the speed", low=0.1, high=1.0
    )
    watchdog: float = parameter(
        1.0,
        "how much of a chunk is executed while the policy is silent; then the arm stops, and "
        "after as long again nothing is commanded until ~/resume",
        unit="s",
        low=0.05,
        high=60.0,
        read_only=True,
    )
    rejected_in_row: int = parameter(
        5, "so many refused chunks in a row stop the arm until ~/resume", low=1, read_only=True
    )
    longest_chunk: float = parameter(
        LONGEST_S,
        "chunks that last longer are refused",
        unit="s",
        low=0.1,
        high=60.0,
        read_only=True,
    )
    workspace_margin: float = parameter(
        MARGIN_M,
        "steps so far outside the workspace are moved to its border; what is farther out refuses "
        "the chunk",
        unit="m",
        low=0.0,
        high=0.1,
        read_only=True,
    )
    estop_topic: str = topic_parameter("emergency_stop", "Bool: true stops the arm until ~/resume")
    fault_topic: str = topic_parameter(
        "robot_fault", "Bool of the robot's driver: true stops the arm until ~/resume"
    )
    dry_run: str = parameter(
        "auto",
        "publish setpoints but command nothing; auto: for untested and unwatched robot files",
        choices=("auto", "true", "false"),
        read_only=True,
    )
    lockstep: bool = lockstep_parameter()
    fake: bool = parameter(
        False,
        "commands are for a fake robot: they are sent while nothing else would obey them, also "
        "where the robot file is marked untested",
        read_only=True,
    )
    black_box: bool = parameter(
        True,
        "every stop, refused chunk and correction by the governor saves the last 30 s as an "
        "incident for `groot-ros replay`",
        read_only=True,
    )
    incident_folder: str = parameter(
        "",
        "where incidents are saved; empty: groot_ros/incidents in ROS_HOME, which is ~/.ros "
        "unless it is set",
        read_only=True,
    )
    incident_disk: float = parameter(
        2.0,
        "what incidents may take on the disk; the oldest ones are deleted first",
        unit="GB",
        low=0.05,
        high=1000.0,
        read_only=True,
    )
    incident_memory: int = parameter(
        256,
        "what the messages of the last 30 s may take; the oldest ones go first, pictures apart "
        "from the others",
        unit="MiB",
        low=16,
        high=65536,
        read_only=True,
    )
    incident_pictures: float = parameter(
        5.0,
        "pictures of each camera that are kept per second, as JPEG",
        unit="Hz",
        low=0.0,
        high=30.0,
        read_only=True,
    )
