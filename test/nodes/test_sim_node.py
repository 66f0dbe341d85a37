"""The simulated arm on real topics, in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from graph import Graph, NodeProcess
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from shared_memory import left_of, mapped_segments, segments
from std_msgs.msg import Bool, Float64, Int64, String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from groot_ros.cameras.raw_image import image_to_rgb
from groot_ros.geometry import rotation_angle
from groot_ros.nodes.messages import pose_stamped, to_duration
from groot_ros.nodes.qos import LATCHED
from groot_ros.observation.fields import from_pose, to_ns
from groot_ros.sim.control import Kinematics
from groot_ros.sim.scene import ARM_JOINTS, CUBE_SIZE_M, DOWN_WXYZ, HOME_RAD
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.tasks import Task
from groot_ros_msgs.srv import SetInstruction

MS = 1_000_000
SEED = 5


@pytest.fixture
def sim(start) -> NodeProcess:
    return start("sim_node", seed=SEED, image_width=160, image_height=120)


@pytest.fixture
def states(graph: Graph, sim: NodeProcess) -> list[JointState]:
    states = graph.collect(JointState, "joint_states", 100)
    graph.wait_for(lambda: states, "joint states")
    return states


@pytest.fixture
def poses(graph: Graph, sim: NodeProcess) -> list[PoseStamped]:
    poses = graph.collect(PoseStamped, "ee_pose", 100)
    graph.wait_for(lambda: poses, "poses")
    return poses


def grip(states: list[JointState]) -> float:
    return 1.0 - states[-1].position[states[-1].name.index("fr3_finger_joint1")] / 0.04


def test_state_has_a_hundred_steps_a_second_whatever_the_cameras_do(graph: Graph, states) -> None:
    poses = graph.collect(PoseStamped, "ee_pose", 100)
    clock = graph.collect(Clock, "/clock", 100)
    first = len(states)
    graph.wait_for(lambda: len(states) > first + 100 and len(poses) > 50, "a second of states")
    stamps = np.array([to_ns(state.header.stamp) for state in states[first:]])
    assert np.all(np.diff(stamps) == 10 * MS)
    assert np.all(np.diff([to_ns(message.clock) for message in clock]) > 0)
    assert states[-1].name == [*ARM_JOINTS, "fr3_finger_joint1", "fr3_finger_joint2"]
    assert len(states[-1].position) == len(states[-1].velocity) == 9

    pose = poses[-1]
    assert pose.header.frame_id == "fr3_link0"
    joints = next(s.position[:7] for s in states if s.header.stamp == pose.header.stamp)
    expected, found = Kinematics().forward(joints), from_pose(pose.pose)
    np.testing.assert_allclose(found[:3], expected[:3], atol=1e-6)
    assert rotation_angle(found[3:], expected[3:]) < 1e-5


def test_both_cameras_show_one_moment(graph: Graph, states) -> None:
    pictures = {
        name: graph.collect(Image, f"{name}/image_raw", 10) for name in ("exterior", "wrist")
    }
    graph.wait_for(lambda: all(len(seen) > 5 for seen in pictures.values()), "pictures")
    stamps = [{to_ns(image.header.stamp) for image in seen} for seen in pictures.values()]
    assert len(stamps[0] & stamps[1]) >= 4
    moments = {to_ns(state.header.stamp) for state in states}
    # A picture takes longer than a state: the first one can show a moment before all of these.
    later = {stamp for stamp in stamps[0] if stamp >= min(moments)}
    assert len(later) >= 4 and later <= moments
    for seen in pictures.values():
        assert (seen[0].width, seen[0].height, seen[0].encoding) == (160, 120, "rgb8")
        assert image_to_rgb(seen[0]).std() > 10


def test_pose_and_gripper_commands_are_obeyed(graph: Graph, sim, states, poses) -> None:
    goal = np.array([0.45, 0.1, 0.25, *DOWN_WXYZ])
    targets = graph.node.create_publisher(PoseStamped, "target_pose", 1)
    gripper = graph.node.create_publisher(Float64, "gripper/command", 1)
    graph.wait_for(lambda: targets.get_subscription_count() == 1, "the target's subscription")
    graph.wait_for(lambda: gripper.get_subscription_count() == 1, "the gripper's subscription")

    lost = goal * [np.nan, 1, 1, 1, 1, 1, 1]
    for wrong, sentence in (
        (pose_stamped(goal, 0, "map"), "frame is 'map', expected 'fr3_link0'"),
        (pose_stamped(lost, 0, "fr3_link0"), "expected 7 finite numbers"),
    ):
        # Sent again and again, for warnings are throttled.
        graph.wait_for(
            lambda wrong=wrong, said=sentence: targets.publish(wrong) or sim.said(said), sentence
        )
    targets.publish(pose_stamped(goal, 0, "fr3_link0"))
    gripper.publish(Float64(data=0.75))

    def arrived() -> bool:
        return bool(np.linalg.norm(from_pose(poses[-1].pose)[:3] - goal[:3]) < 1e-3)

    graph.wait_for(arrived, "the hand at the target")
    graph.wait_for(lambda: abs(grip(states) - 0.75) < 0.01, "the gripper at the target")


def test_pushes_come_between_command_and_arm(graph: Graph, ros_domain: int, start) -> None:
    start("sim_node", seed=SEED, disturbance=1.0, start="after_miss", image_rate=1.0)
    poses = graph.collect(PoseStamped, "ee_pose", 100)
    targets = graph.node.create_publisher(PoseStamped, "target_pose", 1)
    graph.wait_for(lambda: poses, "poses")
    goal = from_pose(poses[0].pose)
    assert goal[2] < 0.06
    goal[2] = 0.2
    distances: list[float] = []

    def is_pushed_about() -> bool:
        targets.publish(pose_stamped(goal, 0, "fr3_link0"))
        distances.append(float(np.linalg.norm(from_pose(poses[-1].pose)[:3] - goal[:3])))
        # Having been near, it is away again though nobody asked for it.
        return min(distances) < 0.012 and max(distances[int(np.argmin(distances)) :]) > 0.016

    graph.wait_for(is_pushed_about, "a push")


def test_joint_trajectories_are_followed(graph: Graph, sim, states) -> None:
    publisher = graph.node.create_publisher(JointTrajectory, "joint_trajectory", 1)
    graph.wait_for(lambda: publisher.get_subscription_count() == 1, "the subscription")
    publisher.publish(JointTrajectory(joint_names=["elbow"], points=[JointTrajectoryPoint()]))
    graph.wait_for(lambda: sim.said("says nothing of joint 'fr3_joint1'"), "the warning")

    end = np.array(HOME_RAD) + 0.1
    middle = (np.array(states[-1].position[:7]) + end) / 2
    order = np.arange(7)[::-1]
    points = [
        JointTrajectoryPoint(positions=joints[order], time_from_start=to_duration(ms * MS))
        for joints, ms in ((middle, 400), (end, 800))
    ]
    names = [ARM_JOINTS[index] for index in order]
    publisher.publish(JointTrajectory(joint_names=names, points=points))
    graph.wait_for(
        lambda: np.allclose(states[-1].position[:7], end, atol=2e-3), "the end of the trajectory"
    )


def test_reset_goes_on_to_the_next_scene(graph: Graph, states, poses) -> None:
    seeds = graph.collect(Int64, "sim/seed", LATCHED)
    graph.wait_for(lambda: seeds and seeds[-1].data == SEED, "the first seed")
    answer = graph.call(Trigger, "/sim/reset", Trigger.Request())
    assert answer.success and answer.message == f"scene {SEED + 1}"
    graph.wait_for(lambda: seeds[-1].data == SEED + 1, "the next seed")

    truth = Simulation()
    truth.reset(SEED + 1, Task("pick"))

    def is_there() -> bool:
        return bool(np.allclose(from_pose(poses[-1].pose)[:3], truth.ee_pose[:3], atol=1e-4))

    graph.wait_for(is_there, "the start pose of that scene")
    newest = to_ns(states[-1].header.stamp)
    graph.wait_for(lambda: to_ns(states[-1].header.stamp) > newest, "time that goes on")

    assert graph.set_parameter("/sim", "seed", 42).successful
    assert graph.call(Trigger, "/sim/reset", Trigger.Request()).message == "scene 42"
    refused = graph.set_parameter("/sim", "image_rate", 5.0)
    assert "image_rate is fixed" in refused.reason


def test_success_of_a_task_is_told(graph: Graph, states) -> None:
    success = graph.collect(Bool, "sim/success", LATCHED)
    tasks = graph.collect(String, "sim/task", LATCHED)
    targets = graph.node.create_publisher(PoseStamped, "target_pose", 1)
    graph.wait_for(lambda: tasks and tasks[-1].data == "pick up the red cube", "the task")
    request = SetInstruction.Request(instruction="fold the towel")
    answer = graph.call(SetInstruction, "/sim/set_task", request)
    assert not answer.success and "no task of the simulated robot" in answer.message
    request.instruction = "reach the blue cube"
    assert "no blue cube" in graph.call(SetInstruction, "/sim/set_task", request).message
    request.instruction = "reach the red cube"
    assert graph.call(SetInstruction, "/sim/set_task", request).success
    graph.wait_for(lambda: tasks[-1].data == "reach the red cube", "the new task")
    assert not success[-1].data

    truth = Simulation()
    truth.reset(SEED, Task("reach"))
    goal = np.array([*truth.cube_position("red"), *DOWN_WXYZ]) + [
        0,
        0,
        CUBE_SIZE_M / 2,
        0,
        0,
        0,
        0,
    ]
    graph.wait_for(lambda: targets.get_subscription_count() == 1, "the target's subscription")
    targets.publish(pose_stamped(goal, 0, "fr3_link0"))
    graph.wait_for(lambda: success[-1].data, "success")
    graph.call(Trigger, "/sim/reset", Trigger.Request())
    graph.wait_for(lambda: not success[-1].data, "the new scene's failure")


def test_sigint_ends_it_and_leaves_nothing(graph: Graph, ros_domain: int, start) -> None:
    before = segments()
    sim = start("sim_node", image_rate=30.0)
    states = graph.collect(JointState, "joint_states", 100)
    graph.wait_for(lambda: len(states) > 50, "joint states")
    new = mapped_segments(str(sim.pid)) - before
    assert new
    code = sim.interrupt()
    assert code == 0, sim.output
    assert not sim.said("Traceback")
    assert not left_of(new)


MISTAKES = [
    ({"robot": "ur5e"}, "robot file 'ur5e' describes another robot"),
    ({"task": "fold the towel"}, "instruction 'fold the towel' is no task"),
    ({"task": "pick up the blue cube"}, "the scene has no blue cube"),
    ({"cubes": "pink"}, "cubes is 'pink', expected some of red,green,blue, each once"),
    ({"image_rate": 0.0}, "parameter image_rate is 0.0, expected 0.1 to 60 Hz"),
    ({"gui": True}, "no display for the window"),
]


@pytest.mark.parametrize(("settings", "sentence"), MISTAKES)
def test_mistakes_end_it_with_one_sentence(
    ros_domain: int, start, monkeypatch: pytest.MonkeyPatch, settings, sentence
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    sim = start("sim_node", **settings)
    assert sim.wait() == 2
    assert sim.said(sentence) and not sim.said("Traceback")


def test_without_opengl_it_says_what_to_install(
    ros_domain: int, start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    sim = start("sim_node")
    assert sim.wait() == 2
    assert sim.said("install the package libegl1") and not sim.said("Traceback")
