"""record.launch.py with the simulated arm, in a namespace and on simulated time."""

from __future__ import annotations

import contextlib
import tempfile
import unittest
from pathlib import Path
from typing import Any

import launch_testing
import launch_testing.asserts
import pytest
from graph import Graph
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_testing.actions import ReadyToTest
from launching import enter_domain
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.bags.metadata import read_metadata
from groot_ros.share import share_file

RESOURCES = contextlib.ExitStack()
OUTPUT = Path(RESOURCES.enter_context(tempfile.TemporaryDirectory())) / "bags"


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    enter_domain(RESOURCES)
    arguments = {
        "sim": "true",
        "namespace": "arm",
        "use_sim_time": "true",
        "output": str(OUTPUT),
        "instruction": "1",
        "exclude": "*",
    }
    source = PythonLaunchDescriptionSource(str(share_file("launch/record.launch.py")))
    launched = IncludeLaunchDescription(source, launch_arguments=arguments.items())
    return LaunchDescription([launched, ReadyToTest()])


class TestRecording(unittest.TestCase):
    """A bag of the simulated robot."""

    def test_the_robot_is_recorded_on_its_clock(self) -> None:
        graph = Graph()
        self.addCleanup(graph.close)
        pictures = graph.collect(Image, "/arm/wrist/image_raw")
        graph.wait_for(lambda: pictures, "the simulation")
        start = graph.client(Trigger, "/arm/recorder/start")

        def started() -> bool:
            answer = graph.result(start.call_async(Trigger.Request()), "answer of start")
            return bool(answer.success)

        # The launch file activates the recorder when it is configured.
        graph.wait_for(started, "an active recorder")
        newest = len(pictures)
        graph.wait_for(lambda: len(pictures) > newest + 10, "ten more pictures")
        graph.call(Trigger, "/arm/recorder/stop", Trigger.Request())
        bag = OUTPUT / "episode_000000"
        graph.wait_for(bag.exists, "the bag")
        self.check(bag)

    def check(self, bag: Path) -> None:
        info = EpisodeInfo.from_custom_data(read_metadata(bag)["custom_data"])
        assert info is not None and (info.namespace, info.instruction) == ("/arm", "1")
        with AnyReader([bag]) as reader:
            topics = {connection.topic for connection in reader.connections}
            connections = [c for c in reader.connections if c.topic == "/arm/joint_states"]
            for connection, time_ns, data in reader.messages(connections):
                stamp = reader.deserialize(data, connection.msgtype).header.stamp
                stamp_ns = stamp.sec * 10**9 + stamp.nanosec
                # Simulated time is years before the computer's.
                assert abs(time_ns - stamp_ns) < 10 * 10**9
        named = {"joint_states", "ee_pose", "exterior/image_raw", "wrist/image_raw"}
        assert {f"/arm/{name}" for name in (*named, "episode_events")} <= topics
        assert all(topic.startswith("/arm/") for topic in topics)


@launch_testing.post_shutdown_test()
class TestShutdown(unittest.TestCase):
    """After SIGINT to all."""

    def test_exit_codes(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
        RESOURCES.close()
