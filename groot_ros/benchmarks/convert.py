"""How fast conversion is on this machine, with bags that are made for it."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.benchmarks.bare_conversion import BareConversion, bare_conversion_s
from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Timing
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.writer import BagWriter
from groot_ros.data.conversion.convert import Conversion, convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.playback.episodes import EpisodeChoice
from groot_ros.observation.fields import NS
from groot_ros.observation.routes import FLOAT, IMAGE, JOINT_STATE, POSE
from groot_ros.robot.config import RobotConfig, load_robot

ROBOT = "sim"
CODEC = "ee_rot6d_joints"
FPS = 15
CAMERA_HZ = 30
STATE_HZ = 100
PICTURE_SIZE = (480, 640)
BEGIN_NS = 1_700_000_000 * NS
# ru_maxrss is in kilobytes on Linux.
RSS_UNIT = 1024


@dataclass(frozen=True)
class ConvertBenchmark:
    """Bags of two raw cameras, one episode each, and the processes that convert them."""

    bags: int = 2
    seconds: float = 30.0
    workers: int = 2
    folder: Path | None = None
    """Where bags and dataset lie for the time of the measurement; a temporary folder if None."""

    def run(self) -> dict[str, Any]:
        """Make the bags, convert them, measure; everything is deleted afterwards.

        The same pictures are decoded, fitted and encoded once more without anything else, by the
        same libraries in as many processes, which is `bare_s`.
        """
        with TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            for index in range(self.bags):
                write_bag(folder / "bags" / f"bag_{index}", self.seconds)
            size = sum(p.stat().st_size for p in (folder / "bags").rglob("*") if p.is_file())
            started_s, cpu_s = time.perf_counter(), _cpu_s()
            report = convert(self._conversion(folder))
            elapsed_s, cpu_s = time.perf_counter() - started_s, _cpu_s() - cpu_s
            peak_rss_bytes = self._peak_rss_bytes()
            bare_s = bare_conversion_s(self._bare(folder), self.workers)
        recorded_s = self.bags * self.seconds
        return {
            "bags": self.bags,
            "seconds_per_bag": self.seconds,
            "bytes": size,
            "workers": self.workers,
            "frames": report.frames,
            "elapsed_s": round(elapsed_s, 3),
            "cpu_s": round(cpu_s, 3),
            "cpu_percent": round(100 * cpu_s / elapsed_s, 1),
            "bare_s": round(bare_s, 3),
            "times_bare": round(elapsed_s / bare_s, 3),
            "realtime_factor": round(recorded_s / elapsed_s, 2),
            "frames_per_s": round(report.frames / elapsed_s, 1),
            "peak_rss_bytes": peak_rss_bytes,
            "load_average": round(os.getloadavg()[0], 2),
            "cores": os.cpu_count(),
        }

    def _conversion(self, folder: Path) -> Conversion:
        return Conversion(
            bags=[folder / "bags"],
            robot=ROBOT,
            codec=CODEC,
            output=folder / "dataset",
            fps=FPS,
            choice=EpisodeChoice(instruction="move"),
            workers=self.workers,
        )

    def _bare(self, folder: Path) -> list[BareConversion]:
        robot = load_robot(ROBOT)
        video = find_codec(CODEC).codec(robot, Timing()).video
        episodes = Dataset(folder / "dataset").episodes
        return [
            BareConversion(
                file=next((folder / "bags" / f"bag_{index}").glob("*.mcap")),
                topics=[f"/{robot.observations.cameras[c].topic}" for c in video.cameras.values()],
                stride=CAMERA_HZ // FPS,
                count=episode.length,
                fps=FPS,
                width=video.width,
                height=video.height,
                folder=folder / "bare" / str(index),
            )
            for index, episode in enumerate(episodes)
        ]

    def _peak_rss_bytes(self) -> int:
        """At most this much memory was in use: this process and the largest worker, each."""
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        workers = self.workers if self.workers > 1 else 0
        return int((own + workers * worker) * RSS_UNIT)


def _cpu_s() -> float:
    """Processor time of this process and of the workers that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def write_bag(path: Path, seconds: float) -> None:
    """Write a bag of an arm that moves in front of two cameras with moving pictures."""
    robot, make = load_robot(ROBOT), MessageMaker()
    streams, commands = robot.observations, robot.commands
    assert streams.joint_position and streams.ee_pose and commands.ee_pose and commands.grip
    writer = BagWriter(path)
    cameras = {
        camera.topic: _texture(seed) for seed, camera in enumerate(streams.cameras.values())
    }
    topics = {streams.joint_position.topic: JOINT_STATE, streams.ee_pose.topic: POSE}
    topics |= {commands.ee_pose: POSE, commands.grip.topic: FLOAT}
    topics |= dict.fromkeys(cameras, IMAGE)
    for topic, type_name in topics.items():
        writer.add_topic(Topic(f"/{topic}", type_name))

    def write(topic: str, time_ns: int, data: bytes) -> None:
        writer.write(f"/{topic}", time_ns, time_ns, data)

    picture_due_s = 0.0
    for tick in range(round(seconds * STATE_HZ)):
        time_s = tick / STATE_HZ
        now_ns = BEGIN_NS + round(time_s * NS)
        pose = _pose(time_s)
        write(
            streams.joint_position.topic, now_ns, make.joint_state(now_ns, _joints(robot, time_s))
        )
        write(streams.ee_pose.topic, now_ns, make.pose(now_ns, robot.base_frame, pose))
        write(commands.ee_pose, now_ns, make.pose(now_ns, robot.base_frame, pose))
        write(commands.grip.topic, now_ns, make.float64(0.5 + 0.5 * np.sin(time_s)))
        if time_s >= picture_due_s:
            picture_due_s += 1.0 / CAMERA_HZ
            for topic, texture in cameras.items():
                picture = np.roll(texture, round(60 * time_s), axis=1)
                write(topic, now_ns, make.image(now_ns, topic, picture))
    writer.finish()


def _texture(seed: int) -> NDArray[np.uint8]:
    """A picture with edges and smooth parts, as cameras see them."""
    noise = np.random.default_rng(seed).random((*PICTURE_SIZE, 3), dtype=np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 12)
    low, high = smooth.min(), smooth.max()
    return np.asarray((smooth - low) / (high - low) * 255, dtype=np.uint8)


def _pose(time_s: float) -> NDArray[np.float64]:
    angle = 0.5 * time_s
    position = [0.5 + 0.1 * np.cos(angle), 0.1 * np.sin(angle), 0.3]
    return np.array([*position, 0.0, 1.0, 0.0, 0.0])


def _joints(robot: RobotConfig, time_s: float) -> Mapping[str, float]:
    streams = robot.observations
    assert streams.joint_position and streams.grip and streams.grip.joint
    positions = {
        joint: float(np.sin(time_s + index))
        for index, joint in enumerate(streams.joint_position.joints)
    }
    return {**positions, streams.grip.joint: 0.02}
