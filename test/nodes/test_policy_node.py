"""The policy node on real topics, in a process of its own."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from graph import FakeRobot, Graph, NodeProcess
from rclpy.action import ActionClient
from shared_memory import left_of, mapped_segments, segments
from stage import Stage, staged
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import MultiDOFJointTrajectory

from groot_ros.chunks.message import from_action_chunk
from groot_ros.nodes.messages import to_duration
from groot_ros.observation.fields import to_ns
from groot_ros_msgs.action import RunPolicy
from groot_ros_msgs.msg import ActionChunk, ChunkReport
from groot_ros_msgs.srv import SetInstruction


def with_steps(chunks: list[ActionChunk]) -> list[ActionChunk]:
    return [chunk for chunk in chunks if chunk.horizon > 0]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture(scope="module")
def loaded(stage: Stage, tiny_checkpoint: Path) -> NodeProcess:
    """One process, whose libraries take seconds to import, for all tests but those that end it."""
    return stage.start("policy_node", checkpoints_dir=tiny_checkpoint)


@pytest.fixture
def graph(stage: Stage) -> Graph:
    return stage.graph


@pytest.fixture
def robot(stage: Stage) -> FakeRobot:
    return stage.robot


@pytest.fixture
def policy(graph: Graph, robot: FakeRobot, loaded: NodeProcess) -> Iterator[NodeProcess]:
    """It is unconfigured, and has said nothing yet."""
    loaded.output.clear()
    yield loaded
    robot.mend()
    if graph.state("/policy") == "active":
        assert graph.transition("/policy", "deactivate")
    if graph.state("/policy") == "inactive":
        assert graph.transition("/policy", "cleanup")


def test_lifecycle_from_configure_to_the_end(tiny_checkpoint: Path) -> None:
    with staged() as stage:
        before = segments()
        policy = stage.start("policy_node", checkpoints_dir=tiny_checkpoint)
        live(stage.graph, policy)
        new = mapped_segments(str(policy.pid)) - before
        assert new
        assert policy.interrupt() == 0, policy.output
        assert not left_of(new)


def live(graph: Graph, policy: NodeProcess) -> None:
    chunks = graph.collect(ActionChunk, "/policy/action_chunk")
    reports = graph.collect(ChunkReport, "/policy/chunk_report")
    trajectories = graph.collect(MultiDOFJointTrajectory, "/policy/ee_trajectory")
    assert graph.transition("/policy", "configure")
    assert not with_steps(chunks)
    assert graph.transition("/policy", "activate")
    graph.wait_for(lambda: len(with_steps(chunks)) >= 3, "three chunks")
    check_chunk(with_steps(chunks)[-1])
    check_report(graph.wait_for(lambda: reports and reports[-1], "a report"))
    check_trajectory(graph.wait_for(lambda: trajectories and trajectories[-1], "a trajectory"))

    assert graph.transition("/policy", "deactivate")
    graph.wait_for(lambda: chunks[-1].horizon == 0, "the chunk that ends the motion")
    assert chunks[-1].epoch > with_steps(chunks)[-1].epoch
    assert graph.transition("/policy", "activate")
    newest = len(chunks)
    graph.wait_for(lambda: with_steps(chunks[newest:]), "chunks after the second activation")
    assert graph.transition("/policy", "deactivate")
    assert graph.transition("/policy", "cleanup")
    assert graph.transition("/policy", "configure")
    assert graph.transition("/policy", "activate")


def check_chunk(message: ActionChunk) -> None:
    chunk = from_action_chunk(message)
    assert message.header.frame_id == "fr3_link0"
    assert (message.codec, message.instruction) == ("ee_rot6d_joints", "pick up the red cube")
    assert len(message.codec_hash) == 64 and bytes(message.activation) != bytes(16)
    assert len(chunk) == 16 and list(chunk.signals) == ["ee_pose", "grip"]
    assert message.chunk_id > 0 and message.epoch > 0


def check_report(message: ChunkReport) -> None:
    assert message.source == ChunkReport.POLICY and bytes(message.activation) != bytes(16)
    assert set(message.input_names) == {
        "grip",
        "ee_pose",
        "joint_position",
        "camera exterior",
        "camera wrist",
    }
    assert all(0 <= age < 1 for age in message.input_ages)
    assert 0 < message.decode_time + message.model_time < message.observation_age


def check_trajectory(message: MultiDOFJointTrajectory) -> None:
    times = [to_ns(point.time_from_start) for point in message.points]
    assert len(times) == 15 and times[0] > 0
    assert all(later > earlier for earlier, later in zip(times, times[1:], strict=False))
    assert all(len(point.velocities) == 1 for point in message.points)
    assert message.header.frame_id == "fr3_link0"


def test_impossible_transitions_leave_the_node_alive(graph: Graph, policy: NodeProcess) -> None:
    assert not graph.transition("/policy", "activate")
    assert not graph.transition("/policy", "deactivate")
    assert graph.state("/policy") == "unconfigured"
    assert policy.said("is not possible from state unconfigured")
    assert graph.transition("/policy", "configure")
    assert not graph.transition("/policy", "configure")
    assert graph.state("/policy") == "inactive"


def test_a_camera_that_stops_is_named_and_nothing_is_invented(
    graph: Graph, policy: NodeProcess, robot: FakeRobot
) -> None:
    robot.silent.add("wrist")
    chunks = graph.collect(ActionChunk, "/policy/action_chunk")
    diagnostics = graph.collect(DiagnosticArray, "/diagnostics")
    assert graph.transition("/policy", "configure") and graph.transition("/policy", "activate")
    sentence = "waiting: camera wrist: nothing received yet"
    graph.wait_for(lambda: policy.said(sentence), "the warning")
    graph.wait_for(
        lambda: any(status.message == sentence for d in diagnostics for status in d.status),
        "the diagnostics",
    )
    assert not with_steps(chunks)
    robot.silent.clear()
    graph.wait_for(lambda: with_steps(chunks), "a chunk once the camera is there")
    robot.silent.add("wrist")
    graph.wait_for(
        lambda: any(re.search(r"camera wrist: \d+\.\d\d s old", line) for line in policy.output),
        "the warning about its age",
    )


def test_new_instruction_voids_what_was_made_for_the_old_one(
    graph: Graph, policy: NodeProcess
) -> None:
    chunks = graph.collect(ActionChunk, "/policy/action_chunk")
    assert graph.transition("/policy", "configure") and graph.transition("/policy", "activate")
    graph.wait_for(lambda: with_steps(chunks), "a chunk")
    request = SetInstruction.Request(instruction="put it down")
    answer = graph.call(SetInstruction, "/policy/set_instruction", request)
    assert answer.success and answer.message == "now: put it down"
    new = graph.wait_for(
        lambda: [c for c in with_steps(chunks) if c.instruction == "put it down"], "its chunks"
    )
    old = [c for c in with_steps(chunks) if c.instruction != "put it down"]
    assert min(c.epoch for c in new) > max(c.epoch for c in old)
    last_old = max(i for i, c in enumerate(chunks) if c in old)
    assert chunks[last_old + 1].horizon == 0
    empty = graph.call(SetInstruction, "/policy/set_instruction", SetInstruction.Request())
    assert not empty.success and "empty" in empty.message


def test_start_stop_and_reset_services(graph: Graph, policy: NodeProcess) -> None:
    chunks = graph.collect(ActionChunk, "/policy/action_chunk")
    assert graph.transition("/policy", "configure")
    assert not graph.call(Trigger, "/policy/start", Trigger.Request()).success
    assert graph.transition("/policy", "activate")
    graph.wait_for(lambda: with_steps(chunks), "a chunk")
    assert graph.call(Trigger, "/policy/stop", Trigger.Request()).success
    graph.wait_for(lambda: chunks[-1].horizon == 0, "the end of the motion")
    stopped = len(chunks)
    assert graph.call(Trigger, "/policy/reset", Trigger.Request()).success
    graph.wait_for(lambda: len(chunks) > stopped, "the reset's own chunk")
    assert not with_steps(chunks[stopped:])
    assert graph.call(Trigger, "/policy/start", Trigger.Request()).success
    graph.wait_for(lambda: with_steps(chunks[stopped:]), "chunks after the start")


def send_goal(graph: Graph, client: ActionClient, seconds: float, feedback: list):
    goal = RunPolicy.Goal(instruction="stack the cubes")
    goal.max_duration = to_duration(int(seconds * 1e9))
    sent = client.send_goal_async(goal, feedback_callback=lambda f: feedback.append(f.feedback))
    return graph.result(sent, "the goal's answer")


def test_run_policy_ends_by_time_by_cancel_and_by_deactivation(
    graph: Graph, policy: NodeProcess
) -> None:
    client = ActionClient(graph.node, RunPolicy, "/policy/run_policy")
    assert graph.set_parameter("/policy", "success_topic", "task_done").successful
    assert graph.transition("/policy", "configure")
    assert client.wait_for_server(60.0)
    assert not send_goal(graph, client, 1.0, []).accepted
    assert graph.transition("/policy", "activate")
    feedback: list[RunPolicy.Feedback] = []
    handle = send_goal(graph, client, 0.0, feedback)
    graph.wait_for(
        lambda: any(f.inference_rate > 0 and round(f.action_rate) == 15 for f in feedback),
        "feedback about inferences",
    )
    graph.result(handle.cancel_goal_async(), "the cancellation")
    answer = graph.result(handle.get_result_async(), "the cancelled result")
    assert (answer.result.reason, answer.status) == (RunPolicy.Result.CANCELLED, 5)
    assert answer.result.chunks > 1

    handle = send_goal(graph, client, 0.5, [])
    answer = graph.result(handle.get_result_async(), "the result")
    assert (answer.result.reason, answer.status) == (RunPolicy.Result.TIMEOUT, 4)
    assert answer.result.elapsed >= 0.5

    done = graph.node.create_publisher(Bool, "task_done", 1)
    handle = send_goal(graph, client, 0.0, feedback := [])
    graph.wait_for(lambda: feedback and done.get_subscription_count(), "the task under way")
    done.publish(Bool(data=True))
    answer = graph.result(handle.get_result_async(), "the end of a task that is done")
    assert (answer.result.reason, answer.status) == (RunPolicy.Result.SUCCESS, 4)
    assert answer.result.message == "task_done says that the task is done"

    handle = send_goal(graph, client, 0.0, [])
    assert graph.transition("/policy", "deactivate")
    answer = graph.result(handle.get_result_async(), "the aborted result")
    assert (answer.result.reason, answer.status) == (RunPolicy.Result.DEACTIVATED, 6)


MISTAKES = [
    ("robot", "panda", "robot 'panda' is neither a file nor one of aloha, franka"),
    ("variant", "ee_euler", "codec 'ee_euler' is unknown, expected one of ee, ee_joints"),
    ("variant", "ee_rot6d", "the checkpoint does not fit variant ee_rot6d and robot sim"),
    ("variant", "ee_rot6d_joints_rel", "actions  absolute"),
    ("checkpoints_dir", "/nowhere", "checkpoints_dir '/nowhere' is not a folder"),
    ("checkpoints_dir", "", "checkpoints_dir is empty"),
    ("checkpoint", 300, "has no checkpoint '300'"),
    ("device", "cuda:7", "device 'cuda:7' is not available on this machine"),
]


def test_mistakes_refuse_configure_in_one_sentence(graph: Graph, policy: NodeProcess) -> None:
    for name, value, sentence in MISTAKES:
        right = graph.get_parameter("/policy", name)
        assert graph.set_parameter("/policy", name, value).successful
        assert not graph.transition("/policy", "configure")
        graph.wait_for(lambda sentence=sentence: policy.said(sentence), sentence)
        assert graph.state("/policy") == "unconfigured"
        assert graph.set_parameter("/policy", name, right).successful
    assert not policy.said("Traceback")
    assert graph.transition("/policy", "configure")


def test_impossible_parameters_are_refused() -> None:
    with staged() as stage:
        scripted = {"policy": "scripted", "variant": "scripted"}
        policy = stage.start("policy_node", **scripted, replan_rate="fast")
        refuse_parameters(stage.graph, policy)


def refuse_parameters(graph: Graph, policy: NodeProcess) -> None:
    assert not graph.transition("/policy", "configure")
    graph.wait_for(lambda: policy.said("replan_rate is 'fast', expected a float"), "the sentence")
    refused = graph.set_parameter("/policy", "replan_rate", -1.0)
    assert refused.reason == "parameter replan_rate is -1.0, expected 0 to 100 Hz"
    refused = graph.set_parameter("/policy", "dtype", "float8")
    assert refused.reason.startswith("parameter dtype is 'float8', expected one of auto, floa")
    assert graph.set_parameter("/policy", "replan_rate", 2).successful
    assert graph.transition("/policy", "configure")
    refused = graph.set_parameter("/policy", "variant", "ee_rot6d")
    assert "variant is fixed while the node is configured" in refused.reason
    assert graph.set_parameter("/policy", "replan_rate", 5.0).successful


def test_checkpoint_of_another_robot_is_refused_with_a_table(
    graph: Graph, policy: NodeProcess, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(tiny_checkpoint, folder)
    metadata = json.loads((folder / "groot_ros.json").read_text())
    metadata["joints"] = metadata["joints"][::-1]
    (folder / "groot_ros.json").write_text(json.dumps(metadata))
    assert graph.set_parameter("/policy", "checkpoints_dir", str(folder)).successful
    assert not graph.transition("/policy", "configure")
    graph.wait_for(lambda: policy.said("fr3_joint7 fr3_joint6"), "the table's row")
    assert policy.said("what") and policy.said("how to mend it")
    assert graph.set_parameter("/policy", "checkpoints_dir", str(tiny_checkpoint)).successful
