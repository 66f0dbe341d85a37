"""Fixtures of the tests of incidents."""

from __future__ import annotations

from pathlib import Path

import pytest

from groot_ros.data.bags.metadata import Topic
from groot_ros.incidents.black_box import Setup
from groot_ros.observation.signal_messages import POSE
from groot_ros.robot.config import load_robot


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(
        robot=load_robot("sim"),
        robot_file="robot: sim",
        namespace="/",
        chunk_topic="/chunks",
        setpoint_topic=Topic("/setpoint", POSE),
        parameters={"watchdog": 1.0},
        versions={"groot_ros": "0"},
        folder=tmp_path,
        folder_bytes=10**9,
        messages_bytes=1 << 20,
    )
