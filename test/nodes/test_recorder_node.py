"""The recorder node on real topics, in a process of its own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from graph import FakeRobot, Graph
from rclpy.action import ActionClient, ActionServer
from rclpy.action.server import ServerGoalHandle
from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosbags.highlevel import AnyReader
from std_msgs.msg import String
from std_srvs.srv import Trigger

from groot_ros.cli.main import main
from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.bags.metadata import read_metadata
from groot_ros.nodes.messages import to_duration
from groot_ros_msgs.action import RecordEpisode, RunPolicy
from groot_ros_msgs.msg import EpisodeEvent
from groot_ros_msgs.srv import SetInstruction

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
EVENTS = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
STREAMS = ("/joint_states", "/ee_pose", "/exterior/image_raw", "/wrist/image_raw")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "bags"


@pytest.fixture
def recorder(graph: Graph, robot: FakeRobot, start, output: Path):
    process = start("recorder_node", output=output, instruction="pick", min_disk_space=0.0)
    assert graph.transition("/recorder", "configure")
    assert graph.transition("/recorder", "activate")
    return process


def call(graph: Graph, service: str) -> Trigger.Response:
    answer: Trigger.Response = graph.call(Trigger, f"/recorder/{service}", Trigger.Request())
    return answer


def healthy(graph: Graph) -> None:
    """Wait until every stream of the robot arrives."""
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")

    def arriving() -> bool:
        found = {
            status.name: {pair.key: pair.value for pair in status.values}
            for status in (diagnostics[-1].status if diagnostics else [])
        }
        names = [f"/recorder: {topic}" for topic in STREAMS]
        return all(float(found.get(n, {}).get("rate_hz", 0)) > 5 for n in names)

    graph.wait_for(arriving, "all streams")


def saved(graph: Graph, bag: Path) -> Path:
    graph.wait_for(bag.exists, f"{bag.name}")
    return bag


def counts(bag: Path) -> Counter[str]:
    """Messages per topic, each of which can be deserialised."""
    found: Counter[str] = Counter()
    with AnyReader([bag]) as reader:
        for connection, _, data in reader.messages():
            reader.deserialize(data, connection.msgtype)
            found[connection.topic] += 1
    return found


def info(bag: Path) -> EpisodeInfo:
    found = EpisodeInfo.from_custom_data(read_metadata(bag)["custom_data"])
    assert found is not None
    return found


def test_an_episode_from_start_to_success(graph: Graph, recorder, output: Path) -> None:
    events = graph.collect(EpisodeEvent, "episode_events", EVENTS)
    healthy(graph)
    started = call(graph, "start")
    assert started.success, started.message
    assert not call(graph, "start").success
    late = graph.node.create_publisher(String, "/remarks", LATCHED)
    late.publish(String(data="appeared during the episode"))
    graph.wait_for(late.get_subscription_count, "subscription to the new topic")
    request = SetInstruction.Request(instruction="pick it gently")
    assert graph.call(SetInstruction, "/recorder/set_instruction", request).success
    assert call(graph, "success").message == started.message
    bag = saved(graph, output / "episode_000000")
    assert str(bag) == started.message
    assert not call(graph, "stop").success
    found = counts(bag)
    assert all(found[topic] for topic in STREAMS)
    assert found["/remarks"] == 1
    kinds = [EpisodeEvent.START, EpisodeEvent.INSTRUCTION, EpisodeEvent.SUCCESS, EpisodeEvent.STOP]
    graph.wait_for(lambda: len(events) == 4, "the events")
    assert [event.event for event in events] == kinds
    assert found["/episode_events"] == 4
    episode = info(bag)
    assert (episode.instruction, episode.outcome) == ("pick it gently", "success")
    assert episode.robot == "sim" and "base_frame: fr3_link0" in episode.robot_file
    assert episode.health["/wrist/image_raw"]["messages"] >= found["/wrist/image_raw"] > 0
    assert set(episode.versions) == {"groot_ros", "ros", "rmw", "python"}
    for topic in read_metadata(bag)["topics_with_message_count"]:
        offered = topic["topic_metadata"]["offered_qos_profiles"]
        assert offered, topic["topic_metadata"]["name"]
        if topic["topic_metadata"]["name"] in ("/episode_events", "/remarks"):
            assert (offered[0]["durability"], offered[0]["reliability"]) == (
                "transient_local",
                "reliable",
            )


def test_nothing_is_lost_or_doubled_while_a_late_publisher_is_found(
    graph: Graph, recorder, output: Path
) -> None:
    graph.collect(String, "/remarks")
    assert call(graph, "start").success
    graph.wait_for(lambda: "/remarks" in subscribed(graph), "the subscription without a publisher")
    publisher = graph.node.create_publisher(String, "/remarks", 1000)
    graph.wait_for(lambda: publisher.get_subscription_count() == 2, "both subscribers")
    sent: list[str] = []

    def send() -> None:
        if len(sent) < 1000:
            sent.append(str(len(sent)))
            publisher.publish(String(data=sent[-1]))

    graph.node.create_timer(0.002, send)
    graph.wait_for(lambda: len(sent) == 1000, "the messages")
    assert publisher.wait_for_all_acked(Duration(seconds=60))
    assert call(graph, "stop").success
    with AnyReader([saved(graph, output / "episode_000000")]) as reader:
        connections = [c for c in reader.connections if c.topic == "/remarks"]
        found = [
            reader.deserialize(data, connection.msgtype).data
            for connection, _, data in reader.messages(connections)
        ]
    assert sorted(found, key=int) == sent


def test_a_publisher_that_starts_again_with_other_qos_is_heard(
    graph: Graph, recorder, output: Path
) -> None:
    assert call(graph, "start").success
    for depth, qos in enumerate((LATCHED, QoSProfile(depth=5), EVENTS)):
        publisher = graph.node.create_publisher(String, "/remarks", qos)
        graph.wait_for(publisher.get_subscription_count, f"the subscription to number {depth}")
        publisher.publish(String(data=str(depth)))
        assert publisher.wait_for_all_acked(Duration(seconds=60))
        graph.remove(graph.node.destroy_publisher, publisher)
    assert call(graph, "stop").success
    assert counts(saved(graph, output / "episode_000000"))["/remarks"] == 3


GRIPPER_ACTION = """
robot: by_action
base_frame: base
observations:
  joint_position: {topic: joint_states, joints: [a, b]}
commands:
  joint_position: {topic: joint_trajectory}
  grip: {type: gripper_command, topic: gripper/act, open: 0.08, closed: 0.0}
limits: {joint_velocity: [1.0, 1.0], joint_acceleration: [1.0, 1.0]}
output: {profile: joint_trajectory, rate: 50}
"""


def test_a_gripper_that_closes_by_action_leaves_its_trace(
    graph: Graph, start, output: Path, tmp_path: Path
) -> None:
    file = tmp_path / "by_action.yaml"
    file.write_text(GRIPPER_ACTION)
    process = start("recorder_node", output=output, robot=file, min_disk_space=0.0)
    assert graph.transition("/recorder", "configure") and graph.transition("/recorder", "activate")
    graph.wait_for(
        lambda: process.said("nothing received yet on /joint_states"), "what is missing"
    )

    def execute(handle: ServerGoalHandle) -> RunPolicy.Result:
        handle.publish_feedback(RunPolicy.Feedback(elapsed=0.5))
        handle.succeed()
        return RunPolicy.Result()

    # control_msgs is not among the wheels; hidden topics are those of any action.
    gripper = ActionServer(graph.node, RunPolicy, "gripper/act", execute)
    other = ActionServer(graph.node, RunPolicy, "other/act", execute)
    graph.wait_for(
        lambda: (
            {"/gripper/act/_action/feedback", "/gripper/act/_action/status"} <= subscribed(graph)
        ),
        "subscriptions to the action",
    )
    assert call(graph, "start").success
    for name in ("gripper/act", "other/act"):
        client = ActionClient(graph.node, RunPolicy, name)
        assert client.wait_for_server(60)
        handle = graph.result(client.send_goal_async(RunPolicy.Goal()), "acceptance")
        graph.result(handle.get_result_async(), "result")
    assert call(graph, "stop").success
    with AnyReader([saved(graph, output / "episode_000000")]) as reader:
        kinds = {c.topic: c.msgtype for c in reader.connections}
        feedback = [
            reader.deserialize(data, c.msgtype)
            for c, _, data in reader.messages()
            if c.topic == "/gripper/act/_action/feedback"
        ]
    assert [message.feedback.elapsed for message in feedback] == [0.5]
    assert kinds["/gripper/act/_action/status"] == "action_msgs/msg/GoalStatusArray"
    assert not any("other" in topic for topic in kinds)
    graph.remove(gripper.destroy)
    graph.remove(other.destroy)


def subscribed(graph: Graph) -> set[str]:
    """Topics that the recorder subscribes to."""
    found = graph.node.get_subscriber_names_and_types_by_node("recorder", "/")
    return {name for name, _ in found}


def test_discard_and_record_again(graph: Graph, recorder, output: Path) -> None:
    assert not call(graph, "stop").success
    assert call(graph, "start").success
    assert call(graph, "discard").success
    assert call(graph, "start").success
    assert call(graph, "stop").success
    bag = saved(graph, output / "episode_000001")
    first = read_metadata(bag)["starting_time"]
    again = call(graph, "rerecord")
    assert again.message == str(bag)
    graph.wait_for(lambda: not bag.exists(), "deletion of the first attempt")
    assert call(graph, "stop").success
    saved(graph, bag)
    assert read_metadata(bag)["starting_time"] != first
    assert [path.name for path in output.iterdir()] == ["episode_000001"]
    assert call(graph, "failure").success
    graph.wait_for(lambda: info(bag).outcome == "failure", "the mark in the metadata")


def record(graph: Graph, goal: RecordEpisode.Goal) -> tuple[Any, list[RecordEpisode.Feedback]]:
    """Handle of an accepted goal, and its feedback as it grows."""
    client = ActionClient(graph.node, RecordEpisode, "/recorder/record_episode")
    assert client.wait_for_server(60)
    feedback: list[RecordEpisode.Feedback] = []
    future = client.send_goal_async(goal, lambda message: feedback.append(message.feedback))
    handle = graph.result(future, "acceptance")
    assert handle.accepted
    return handle, feedback


def test_action_records_for_its_time(graph: Graph, recorder, output: Path) -> None:
    healthy(graph)
    goal = RecordEpisode.Goal(
        instruction="place", note="with the left hand", max_duration=to_duration(1_500_000_000)
    )
    handle, feedback = record(graph, goal)
    result = graph.result(handle.get_result_async(), "result").result
    assert result.reason == RecordEpisode.Result.TIMEOUT, result.message
    assert result.path == str(output / "episode_000000")
    assert (info(Path(result.path)).instruction, info(Path(result.path)).note) == (
        "place",
        "with the left hand",
    )
    assert sum(counts(Path(result.path)).values()) == result.messages
    assert feedback[-1].bytes > 0
    # Nobody commands the robot here, and that alone is flagged.
    labels = "nothing on /target_pose, /joint_trajectory, /gripper/command"
    assert any(flag.startswith(labels) for flag in result.flags)


def test_a_pulled_camera_is_flagged_at_once_and_the_rest_is_recorded(
    graph: Graph, recorder, robot: FakeRobot
) -> None:
    healthy(graph)
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    handle, feedback = record(graph, RecordEpisode.Goal())
    graph.wait_for(lambda: feedback and feedback[-1].messages > 20, "messages")
    robot.silent.add("wrist")

    def flagged(flags: list[str]) -> bool:
        return any(flag.startswith("/wrist/image_raw: silent for") for flag in flags)

    graph.wait_for(lambda: flagged(list(feedback[-1].flags)), "the flag in the feedback")
    graph.wait_for(
        lambda: any(
            status.name == "/recorder: /wrist/image_raw" and "silent for" in status.message
            for message in diagnostics
            for status in message.status
        ),
        "the diagnostics",
    )
    handle.cancel_goal_async()
    result = graph.result(handle.get_result_async(), "result").result
    assert result.reason == RecordEpisode.Result.CANCELLED
    assert flagged(list(result.flags)) and flagged(list(info(Path(result.path)).flags))
    assert counts(Path(result.path))["/exterior/image_raw"] > 0


def test_a_killed_recorder_leaves_a_bag_that_repair_completes(
    graph: Graph, recorder, output: Path
) -> None:
    healthy(graph)
    handle, feedback = record(graph, RecordEpisode.Goal())
    graph.wait_for(lambda: feedback and feedback[-1].elapsed > 2, "two seconds")
    written = feedback[-1].messages
    recorder.kill()
    part = output / "episode_000000.part"
    assert main(["repair", str(part)]) == 0
    bag = output / "episode_000000"
    duration_s = read_metadata(bag)["duration"]["nanoseconds"] / 1e9
    assert duration_s > feedback[-1].elapsed - 1
    # 140 messages a second.
    assert sum(counts(bag).values()) > written - 140
    assert info(bag).instruction == "pick"


def test_an_interrupted_recorder_saves_its_bag(graph: Graph, recorder, output: Path) -> None:
    healthy(graph)
    assert call(graph, "start").success
    code = recorder.interrupt()
    assert code == 0, recorder.output
    bag = output / "episode_000000"
    assert info(bag).reason == "deactivated"
    assert counts(bag)["/episode_events"] == 2


def test_benchmark_accounts_for_every_message(
    ros_domain: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["recorder", "--cameras=4", "--seconds=1", f"--output={tmp_path}", "--json"]
    assert main(["benchmark", *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["received"] + result["lost"] == result["published"]
    assert len(result["lost_by_topic"]) == 5
    assert result["received"] > 0 and result["cpu_percent"] > 0
    assert list(tmp_path.iterdir()) == []


def test_latched_and_unwanted_topics(graph: Graph, robot: FakeRobot, start, output: Path) -> None:
    latched = graph.node.create_publisher(String, "/robot_description", LATCHED)
    latched.publish(String(data="<robot/>"))
    graph.node.create_publisher(String, "/secret/key", LATCHED).publish(String(data="x"))
    start(
        "recorder_node",
        output=output,
        topics="/robot_*, secret/*, /wrist/*",
        exclude="/secret/*, /wrist/*",
        min_disk_space=0.0,
    )
    assert graph.transition("/recorder", "configure") and graph.transition("/recorder", "activate")
    healthy(graph)
    bags = []
    for _ in range(2):
        answer = call(graph, "start")
        assert call(graph, "stop").success
        bags.append(saved(graph, Path(answer.message)))
    for bag in bags:
        found = counts(bag)
        assert found["/robot_description"] == 1
        # The robot file's topics are recorded whatever is excluded.
        assert set(found) <= {"/robot_description", "/episode_events", *STREAMS}


def test_a_bag_left_by_a_crash_is_named_and_bad_settings_are_refused(
    graph: Graph, robot: FakeRobot, start, output: Path
) -> None:
    (output / "episode_000007.part").mkdir(parents=True)
    process = start("recorder_node", output=output)
    assert graph.transition("/recorder", "configure")
    graph.wait_for(lambda: process.said("groot-ros repair"), "the hint")
    refused = call(graph, "start")
    assert not refused.success and "activate it first" in refused.message
    assert graph.transition("/recorder", "cleanup")
    (output / "file").write_text("")
    assert graph.set_parameter("/recorder", "output", str(output / "file")).successful
    assert not graph.transition("/recorder", "configure")
    graph.wait_for(lambda: process.said("cannot be written"), "the reason")
