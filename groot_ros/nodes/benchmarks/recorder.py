"""What the recorder loses and costs under the load of an arm with cameras."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from groot_ros.data.bags.metadata import read_metadata
from groot_ros.errors import UserError
from groot_ros.nodes.clients.record_client import RecorderClient
from groot_ros.nodes.launching import PROFILE_VARIABLES
from groot_ros.nodes.processes import node_command
from groot_ros.share import share_file

NAMESPACE = "/benchmark"
SAVE_TIMEOUT_S = 60.0
END_TIMEOUT_S = 30.0
POLL_S = 0.1


@dataclass(frozen=True)
class RecorderLoad:
    """Raw cameras of 640x480 at 30 Hz, beside joint states at 500 Hz, for `seconds`."""

    cameras: int
    seconds: float


def run(load: RecorderLoad, folder: Path | None = None) -> dict[str, Any]:
    """Publish and record in processes of their own; bags go below `folder` and are deleted."""
    with tempfile.TemporaryDirectory(dir=folder) as temporary, _environment():
        output = Path(temporary)
        robot = output / "robot.yaml"
        robot.write_text(yaml.safe_dump(_robot(load.cameras)))
        return _measure(load, output, robot)


@contextmanager
def _environment() -> Iterator[None]:
    """Shared memory that has room for pictures, and nothing beyond this machine."""
    values = {name: str(share_file("config/fastdds.xml")) for name in PROFILE_VARIABLES}
    values["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


def _robot(cameras: int) -> dict[str, Any]:
    names = range(cameras)
    return {
        "robot": "benchmark",
        "base_frame": "base",
        "observations": {
            "joint_position": {"topic": "joint_states", "joints": ["joint1"]},
            "cameras": {f"camera{i}": {"topic": f"camera{i}/image_raw"} for i in names},
        },
        "commands": {"joint_position": {"topic": "joint_trajectory"}},
        "output": {"profile": "joint_trajectory", "rate": 100},
    }


@contextmanager
def _process(name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        node_command(name, *arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=END_TIMEOUT_S)


def _measure(load: RecorderLoad, output: Path, robot: Path) -> dict[str, Any]:
    settings = {"robot": robot, "output": output / "bags", "topics": f"{NAMESPACE}/none"}
    parameters = [word for key, value in settings.items() for word in ("-p", f"{key}:={value}")]
    recorder_arguments = ["--ros-args", "-r", f"__ns:={NAMESPACE}", *parameters]
    load_arguments = [
        f"--namespace={NAMESPACE}",
        f"--cameras={load.cameras}",
        f"--seconds={load.seconds}",
    ]
    client = RecorderClient(f"{NAMESPACE}/recorder")
    try:
        with (
            _process("recorder_node", *recorder_arguments) as recorder,
            _process("recorder_load", *load_arguments) as source,
        ):
            client.bring_up()
            return _record(client, recorder, source)
    finally:
        client.close()


def _record(
    client: RecorderClient, recorder: subprocess.Popen[str], source: subprocess.Popen[str]
) -> dict[str, Any]:
    _expect_line(source)
    done, bag = client.trigger("start")
    if not done:
        raise UserError(f"the recorder refused to record: {bag}")
    watched = {"recorder": psutil.Process(recorder.pid), "publisher": psutil.Process(source.pid)}
    before = {name: _cpu_s(process) for name, process in watched.items()}
    started_s = time.monotonic()
    _tell(source)
    published: dict[str, int] = json.loads(_expect_line(source))
    seconds = time.monotonic() - started_s
    percent = {
        name: 100 * (_cpu_s(process) - before[name]) / seconds for name, process in watched.items()
    }
    peak = watched["recorder"].memory_info().rss
    client.trigger("stop")
    received = _counts(Path(bag))
    _tell(source)
    lost = {topic: count - received.get(topic, 0) for topic, count in published.items()}
    return {
        "lost": sum(lost.values()),
        "received": sum(received[topic] for topic in published if topic in received),
        "published": sum(published.values()),
        "lost_by_topic": lost,
        "seconds": seconds,
        "cpu_percent": percent["recorder"],
        "publisher_cpu_percent": percent["publisher"],
        "rss_bytes": peak,
        "load_average": os.getloadavg()[0],
        "cores": os.cpu_count(),
    }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _expect_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    if not (line := process.stdout.readline()):
        raise UserError("the publishing process ended too early: is ROS 2 sourced?")
    return line


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def _counts(bag: Path) -> dict[str, int]:
    """Messages per topic of a bag once the recorder has finished it."""
    deadline = time.monotonic() + SAVE_TIMEOUT_S
    while not bag.exists():
        if time.monotonic() > deadline:
            raise UserError(f"{bag} did not appear within {SAVE_TIMEOUT_S:g} s: is the disk full?")
        time.sleep(POLL_S)
    topics = read_metadata(bag)["topics_with_message_count"]
    return {topic["topic_metadata"]["name"]: topic["message_count"] for topic in topics}
