"""A signal that is none of the arm's: from a bag to the rows of a dataset, and to a buffer."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from arm_bags import ArmBag, Message, times, write_bag
from test_robot import with_signals

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.file import parse_codec
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.conversion.extract import ExtractOptions, extract
from groot_ros.data.datasets.parts import load_rows
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import find_episodes
from groot_ros.data.playback.replay import BagSource, make_buffer
from groot_ros.observation.buffer import NotReady
from groot_ros.observation.signal_messages import WRENCH_STAMPED
from groot_ros.robot.config import RobotConfig, parse_robot

TOPIC = "/ft_sensor/wrench"
SECONDS = 2.0


def robot() -> RobotConfig:
    return parse_robot(with_signals(wrench={"topic": TOPIC}), "sim")


def codec_with(robot: RobotConfig, *names: str) -> Codec:
    """A codec whose model also reads other signals."""
    values = copy.deepcopy(dict(find_codec("ee_rot6d_traj").values))
    values["state"] |= {name: {"signal": name} for name in names}
    return parse_codec(values, "mine", "mine.yaml").codec(robot)


def wrenches(arm: ArmBag, seconds: float = SECONDS) -> list[Message]:
    """At 100 Hz; the force along x is the time in s."""
    maker, found = arm.maker, []
    for time_s in times(seconds, 100):
        force, torque = (
            maker.new("geometry_msgs/msg/Vector3", x=x, y=y, z=0.0)
            for x, y in ((time_s, 0.0), (0.0, 2.0))
        )
        data = maker.make(
            WRENCH_STAMPED,
            header=maker.header(arm.stamp_ns(time_s), "sensor"),
            wrench=maker.new("geometry_msgs/msg/Wrench", force=force, torque=torque),
        )
        found.append(Message(TOPIC, WRENCH_STAMPED, time_s + 0.002, data))
    return found


def test_a_wrench_becomes_columns_of_the_state(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    path = write_bag(tmp_path / "bag", [*arm.messages(), *wrenches(arm)])
    codec = codec_with(robot(), "wrench")
    wrench = codec.features.state[-1]
    assert (wrench.key, wrench.names[0], wrench.size) == ("wrench", "force_x", 6)
    with open_bag(path) as bag:
        source = BagSource(bag, robot(), codec)
        [episode] = find_episodes(bag, EpisodeChoice(instruction="push"))
        options = ExtractOptions(fps=15)
        result = extract(source, episode, options, tmp_path / "rows", lambda _: None)
    [part] = result.parts
    rows = load_rows(tmp_path / "rows" / part.folder)
    place = codec.modality()["state"]["wrench"]
    forces = rows.state[:, place["start"] : place["end"]]
    # Poses are told by the same motion: x is 0.4 m + 0.05 m/s.
    pose = codec.modality()["state"]["ee_pose"]["start"]
    np.testing.assert_allclose(forces[:, 0], (rows.state[:, pose] - 0.4) / 0.05, atol=1e-5)
    assert np.all(forces[:, 4] == 2.0)
    assert result.health[TOPIC]["rate_hz"] == pytest.approx(100, rel=0.01)


def test_without_its_wrench_nothing_is_observed(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    path = write_bag(tmp_path / "bag", [*arm.messages(), *wrenches(arm, 1.0)])
    codec = codec_with(robot(), "wrench")
    with open_bag(path) as bag:
        source = BagSource(bag, robot(), codec)
        [episode] = find_episodes(bag, EpisodeChoice(instruction="push"))
        buffer = make_buffer(source.robot, codec)
        streams = source.streams(buffer)
        topics = {topic: route.type_name for topic, route in streams.items()}
        assert topics[TOPIC] == WRENCH_STAMPED
        for topic, arrival_ns, message in bag.messages(topics, episode.start_ns):
            streams[topic].store(message, arrival_ns)
    with pytest.raises(NotReady, match=r"wrench: 1\.\d+ s old, at most 0\.2 s allowed"):
        buffer.observe(episode.stop_ns, "")
