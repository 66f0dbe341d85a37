"""What happens to an executor is saved, and can be made again bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
from arm import Arm, Sender
from encoded import GROUP, stream
from graph import WAIT_S, FakeRobot, Graph, NodeProcess
from lifecycle_msgs.msg import Transition
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Bool
from stepped_robot import Robot, incident_of, stepped_robot
from video_camera import COUNT, video_camera

from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.raw_image import compressed_to_rgb
from groot_ros.chunks.chunk import Chunk
from groot_ros.data.bags.reader import open_bag
from groot_ros.incidents.incident import INFO, RECORDING, ROBOT, Incident
from groot_ros.incidents.incident_folder import incidents_in
from groot_ros.incidents.recording_file import read_recording
from groot_ros.incidents.saved_incident import SavedIncident
from groot_ros.incidents.tape_player import play
from groot_ros.incidents.what_if import what_if
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policy import Inputs
from groot_ros.share import share_file
from groot_ros.signals.signals import arm_signals

WATCHDOG_S = 0.5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "incidents"


@pytest.fixture
def robot(ros_domain: int, folder: Path) -> Iterator[Robot]:
    with stepped_robot(watchdog=WATCHDOG_S, incident_folder=folder) as robot:
        yield robot


def wait_for_saved(robot: Robot, folder: Path, count: int) -> list[Path]:
    """The incidents, once there are so many and all are whole."""
    for _ in range(3000):
        found = incidents_in(folder)
        if len(found) >= count and not list(folder.glob("*.part")):
            return found
        robot.step(0.02)
    raise AssertionError(f"{found} were saved, expected {count}")


def test_commands_of_an_incident_are_made_again_bit_for_bit(robot: Robot, folder: Path) -> None:
    *_, first, last = robot.live_through_a_stop(1.2, folder)
    incident = Incident.read(first)
    assert "the emergency stop was pressed" in incident.events[0].sentence
    assert incident.parameters["watchdog"] == WATCHDOG_S and incident.robot == "sim"
    assert "base_frame" in (first / ROBOT).read_text()
    played = list(play(read_recording(last / RECORDING, None)))
    assert all(p.is_same for p in played)
    commands = [p.answer[0] for p in played if p.is_command]
    # What went over the wire, not only what was kept.
    sent = [pose for _, pose in robot.commands][-len(commands) :]
    assert len(commands) > 300 and len(sent) == len(commands)
    assert all(np.array_equal(one, other) for one, other in zip(commands, sent, strict=True))


def test_an_incident_is_a_bag_of_what_was_seen_wanted_and_commanded(
    robot: Robot, folder: Path
) -> None:
    robot.step(2.0)
    robot.chunks_come = False
    robot.step(1.0)
    path = next(p for p in wait_for_saved(robot, folder, 1) if "no_new_chunk" in p.name)
    with open_bag(path) as bag:
        counts = {name: sum(info.counts.values()) for name, info in bag.topics.items()}
        assert counts["/policy/action_chunk"] >= 12
        assert counts["/executor/setpoint"] >= 200
        assert counts["/ee_pose"] >= 100
        assert counts["/executor/state"] >= 40
        types = {"/executor/setpoint": "geometry_msgs/msg/PoseStamped"}
        places = [m.pose.position.x for *_, m in bag.messages(types)]
    sent = [pose[0] for _, pose in robot.commands]
    assert set(places) <= set(sent)


def test_the_end_of_a_run_is_no_warning(robot: Robot, folder: Path) -> None:
    robot.step(1.0)
    robot.transition(Transition.TRANSITION_DEACTIVATE)
    path = robot.wait_for_incident("deactivated", folder)
    robot.transition(Transition.TRANSITION_ACTIVATE)
    robot.chunks_come = False
    robot.step(0.5)
    robot.transition(Transition.TRANSITION_DEACTIVATE)
    robot.transition(Transition.TRANSITION_CLEANUP)
    assert robot.executor.interrupt() == 0
    assert incidents_in(folder) == [path]
    assert robot.executor.said("saved what came before (stopped, the executor was deactivated)")
    assert not robot.executor.said("WARN")


def test_what_repeats_itself_is_one_incident(robot: Robot, folder: Path) -> None:
    for _ in range(5):
        robot.chunks_come = True
        robot.step(0.6)
        robot.chunks_come = False
        robot.step(0.7)
    robot.step(1.5)
    names = [path.name for path in wait_for_saved(robot, folder, 1)]
    assert len([name for name in names if "no_new_chunk" in name]) == 1
    assert len(names) <= 3


def test_an_executor_that_is_interrupted_saves_why(robot: Robot, folder: Path) -> None:
    robot.step(1.0)
    robot.estop.publish(Bool(data=True))
    robot.step(0.05)
    assert robot.executor.interrupt() == 0
    path = robot.wait_for_incident("emergency stop", folder)
    assert incidents_in(folder) == [path]
    assert json.loads((path / INFO).read_text())["versions"]["groot_ros"]
    assert all(p.is_same for p in play(read_recording(path / RECORDING, None)))


def test_threads_and_pictures_of_a_real_run_are_in_it(
    graph: Graph, start: Callable[..., NodeProcess], folder: Path
) -> None:
    """On the wall clock chunks are joined in one thread while another one commands."""
    fake = FakeRobot(graph)
    fake.follow("/target_pose")
    sender, arm = Sender(), Arm(graph)
    try:
        start("executor_node", incident_folder=folder, incident_pictures=10.0)
        assert graph.transition("/executor", "configure")
        assert graph.transition("/executor", "activate")
        sender.start()
        arm.set_moving()
        newest = len(arm.poses)
        graph.wait_for(lambda: len(arm.poses) > newest + 200, "some motion")
        assert graph.transition("/executor", "deactivate")
        path = graph.wait_for(lambda: incident_of("deactivated", folder), "the incident")
        assert graph.transition("/executor", "cleanup")
    finally:
        sender.close()
    played = list(play(read_recording(path / RECORDING, None)))
    assert all(p.is_same for p in played)
    assert sum(p.is_command for p in played) > 200
    topics = {f"/{name}/image_raw/compressed": COMPRESSED_IMAGE for name in ("exterior", "wrist")}
    with open_bag(path) as bag:
        pictures = list(bag.messages(topics))
    assert {topic for topic, *_ in pictures} == set(topics)
    pixels = compressed_to_rgb(pictures[0][2])
    assert pixels.shape == (48, 64, 3) and abs(int(pixels[20, 20, 0]) - 90) < 3
    assert_another_policy_is_shown_what_was_seen(path)


def test_an_executor_that_is_killed_leaves_what_came_before(robot: Robot, folder: Path) -> None:
    """The process that keeps it ends after it, and first saves."""
    robot.step(1.0)
    (writer,) = psutil.Process(robot.executor.pid).children()
    robot.executor.kill()
    path = robot.wait_for_incident("killed", folder)
    assert writer.wait(WAIT_S) is None and not list(folder.glob("*.part"))
    played = list(play(read_recording(path / RECORDING, None)))
    assert all(p.is_same for p in played) and sum(p.is_command for p in played) > 50


def test_without_the_process_that_keeps_it_the_executor_goes_on(
    robot: Robot, folder: Path
) -> None:
    robot.step(0.5)
    (writer,) = psutil.Process(robot.executor.pid).children()
    writer.kill()
    before = len(robot.commands)
    robot.step(1.0)
    assert len(robot.commands) - before >= 90
    assert robot.executor.said("no incidents are saved any more, its process has ended")


def test_video_is_in_it_packet_by_packet(
    graph: Graph, start: Callable[..., NodeProcess], folder: Path, tmp_path: Path
) -> None:
    """From another process, on a topic whose name promises something else."""
    text = share_file("config/robots/sim.yaml").read_text()
    robot = tmp_path / "robot.yaml"
    robot.write_text(text.replace("topic: exterior/image_raw", "topic: camera"))
    heard = graph.collect(CompressedImage, "/camera", 60)
    estop = graph.node.create_publisher(Bool, "emergency_stop", 1)
    with video_camera():
        graph.wait_for(lambda: heard, "video")
        start("executor_node", robot=robot, incident_folder=folder)
        assert graph.transition("/executor", "configure")
        assert graph.transition("/executor", "activate")
        newest = len(heard)
        graph.wait_for(lambda: len(heard) > newest + 3 * COUNT, "three rounds of the video")
        estop.publish(Bool(data=True))
        path = graph.wait_for(lambda: incident_of("emergency stop", folder), "the incident")
    with open_bag(path) as bag:
        packets = [bytes(m.data) for *_, m in bag.messages({"/camera": COMPRESSED_IMAGE})]
    sent = [packet.data for packet in stream("h264", COUNT)[0]]
    numbers = [sent.index(packet) for packet in packets]
    assert numbers[0] % GROUP == 0 and len(numbers) > COUNT
    assert all((b - a) % COUNT == 1 for a, b in pairwise(numbers))


class Lifter:
    """Goes straight up from where the arm is seen."""

    inputs = Inputs(("ee_pose",), ("exterior", "wrist"))
    no_continuation = ""

    def open(self) -> None: ...

    def close(self) -> None: ...

    def reset(self, instruction: str) -> None: ...

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        assert {image.shape for image in observation.images.values()} == {(48, 64, 3)}
        poses = np.tile(observation.signals["ee_pose"], (16, 1))
        poses[:, 2] += 0.005 * np.arange(16)
        return Chunk(observation.stamp_ns, 1_000_000_000 // 15, signals=arm_signals(ee_pose=poses))


def assert_another_policy_is_shown_what_was_seen(path: Path) -> None:
    incident = SavedIncident.read(path)
    course = what_if(incident, incident.robot, Lifter()).course
    heights = [setpoint.value[2] for _, setpoint in course.commands]
    assert len(course.chunks) > 3
    assert min(heights) > 0.29 and max(heights) > 0.305


def test_without_a_black_box_nothing_is_saved(ros_domain: int, folder: Path) -> None:
    with stepped_robot(incident_folder=folder, black_box="false") as robot:
        robot.step(0.5)
        robot.estop.publish(Bool(data=True))
        robot.step(1.5)
        assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_one_sentence(graph, start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    executor: NodeProcess = start("executor_node", incident_folder=tmp_path / "file" / "below")
    assert not graph.transition("/executor", "configure")
    graph.wait_for(lambda: executor.said("or set black_box to false"), "the reason")
