"""The fake robot on real topics, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from graph import Graph, NodeProcess
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float64, Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from groot_ros.cameras.raw_image import compressed_to_rgb, image_to_rgb
from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.writer import BagWriter
from groot_ros.nodes.messages import to_duration
from groot_ros.nodes.sim.fake_publishers import StatePublishers
from groot_ros.observation.fields import from_pose
from groot_ros.observation.signal_messages import signal_readers
from groot_ros.robot.config import load_robot
from groot_ros.robot.urdf import load_urdf
from groot_ros.share import share_file
from groot_ros.signals.space import PoseSpace
from groot_ros.sim.fake.arm import ArmState, FakeArm
from groot_ros.sim.fake.kinematics import fake_kinematics

JOINTS = [f"fr3_joint{i}" for i in range(1, 8)]
Start = Callable[..., NodeProcess]


def robot_file(folder: Path, profile: str, **changes: object) -> Path:
    """A robot like the simulated one: one wrist camera, compressed, and the grip as a number."""
    values = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    values["output"]["profile"] = profile
    values["observations"]["grip"] = {"topic": "grip", "open": 0.08, "closed": 0.0}
    values["observations"]["cameras"] = {"wrist": {"topic": "wrist/image_raw/compressed"}}
    values["commands"]["twist"] = {"topic": "twist"}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


def active(graph: Graph, start: Start, **parameters: object) -> NodeProcess:
    """The fake robot, active, with few small pictures."""
    node = start("fake_node", image_width=64, image_height=48, image_rate=10.0, **parameters)
    assert graph.transition("/fake", "configure"), node.output
    assert graph.transition("/fake", "activate")
    return node


def test_velocities_a_grip_and_compressed_pictures(
    graph: Graph, start: Start, tmp_path: Path
) -> None:
    active(graph, start, robot=robot_file(tmp_path, "twist"))
    states = graph.collect(JointState, "joint_states")
    poses = graph.collect(PoseStamped, "ee_pose")
    grips = graph.collect(Float64, "grip")
    pictures = graph.collect(CompressedImage, "wrist/image_raw/compressed")
    graph.wait_for(lambda: states and poses and grips and len(pictures) > 1, "all streams")
    assert states[0].name == JOINTS and len(states[0].velocity) == 7
    assert poses[0].header.frame_id == "fr3_link0" and grips[0].data == pytest.approx(0.08)
    shown = [compressed_to_rgb(picture) for picture in pictures[:2]]
    assert shown[0].shape == (48, 64, 3) and np.any(shown[0] != shown[1])

    twists = graph.node.create_publisher(TwistStamped, "twist", 1)
    gripper = graph.node.create_publisher(Float64, "gripper/command", 1)
    first = from_pose(poses[0].pose)
    message = TwistStamped()
    message.header.frame_id = "fr3_link0"
    message.twist.linear.x = 0.2

    def moved() -> bool:
        twists.publish(message)
        gripper.publish(Float64(data=1.0))
        here = from_pose(poses[-1].pose)
        return bool(here[0] - first[0] > 0.02 and grips[-1].data < 0.01)

    graph.wait_for(moved, "the tool to move and the gripper to close")


def test_the_link_is_told_so_that_the_tool_is_where_it_was_commanded(
    graph: Graph, tmp_path: Path
) -> None:
    observed = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())["observations"]
    turned = [0.6, 0.0, 0.8, 0.0]
    observed["ee_pose"]["tool"] = {"xyz": [0.0, 0.02, 0.12], "quat_wxyz": turned}
    robot = load_robot(robot_file(tmp_path, "pose", observations=observed))
    pose = np.array([0.45, 0.0, 0.35, 0.0, 1.0, 0.0, 0.0])
    poses = graph.collect(PoseStamped, "ee_pose")
    publishers = StatePublishers(graph.node, robot)
    arm = FakeArm(robot, ArmState(None, pose), 0)

    def told() -> bool:
        publishers.publish(arm, 1)
        return bool(poses)

    graph.wait_for(told, "a pose")
    publishers.close()
    assert robot.observations.ee_pose
    [reader, *_] = signal_readers(robot.observations.ee_pose, robot.base_frame).values()
    np.testing.assert_allclose(PoseSpace().difference(reader.value(poses[0]), pose), 0, atol=1e-9)
    away_m = np.linalg.norm(from_pose(poses[0].pose)[:3] - pose[:3])
    assert away_m == pytest.approx(np.hypot(0.02, 0.12))


@pytest.mark.parametrize("profile", ["joint_trajectory", "joint_stream"])
def test_joints_are_followed_and_nonsense_is_not(
    graph: Graph, start: Start, tmp_path: Path, profile: str
) -> None:
    node = active(graph, start, robot=robot_file(tmp_path, profile))
    states = graph.collect(JointState, "joint_states")
    graph.wait_for(lambda: states, "joint states")
    wanted = np.array(states[0].position) + 0.2
    kind = JointTrajectory if profile == "joint_trajectory" else Float64MultiArray
    commands = graph.node.create_publisher(kind, "joint_trajectory", 1)

    def send(joints: list[float]) -> None:
        if profile == "joint_stream":
            commands.publish(Float64MultiArray(data=joints))
            return
        point = JointTrajectoryPoint(positions=joints, time_from_start=to_duration(100_000_000))
        commands.publish(JointTrajectory(joint_names=JOINTS[: len(joints)], points=[point]))

    def warned(words: str, joints: list[float]) -> bool:
        send(joints)
        return node.said(words)

    short = "says nothing of joint" if profile == "joint_trajectory" else "6 numbers were"
    graph.wait_for(lambda: warned(short, wanted[:6].tolist()), "too few joints to be named")
    # Warnings of one place come once a second.
    graph.wait_for(lambda: warned("NaN or infinity", [np.nan] * 7), "NaN to be named")
    assert states[-1].position == states[0].position

    def arrived() -> bool:
        send(wanted.tolist())
        return bool(np.allclose(states[-1].position, wanted, atol=1e-3))

    graph.wait_for(arrived, "the arm to be where it was told to")


def test_the_pictures_and_the_beginning_are_those_of_a_bag(
    graph: Graph, start: Start, tmp_path: Path
) -> None:
    bag, messages = tmp_path / "bag", MessageMaker()
    writer = BagWriter(bag, compress=False)
    topics = {
        "/joint_states": "sensor_msgs/msg/JointState",
        "/ee_pose": "geometry_msgs/msg/PoseStamped",
        "/exterior/image_raw": "sensor_msgs/msg/Image",
        "/wrist/image_raw": "sensor_msgs/msg/Image",
    }
    for topic, kind in topics.items():
        writer.add_topic(Topic(topic, kind))
    joints = dict(zip(JOINTS, (0.1, -0.8, 0.2, -2.3, 0.1, 1.6, 0.8), strict=True))
    pose = np.array([0.4, 0.1, 0.3, 0.0, 1.0, 0.0, 0.0])
    for index in range(4):
        ns = 10**9 + index * 100_000_000
        state = messages.joint_state(ns, joints | {"fr3_finger_joint1": 0.01})
        writer.write("/joint_states", ns, ns, state)
        writer.write("/ee_pose", ns, ns, messages.pose(ns, "fr3_link0", pose))
        for camera in ("exterior", "wrist"):
            picture = np.full((12, 16, 3), 40 * index + 40, np.uint8)
            writer.write(f"/{camera}/image_raw", ns, ns, messages.image(ns, camera, picture))
    writer.finish()
    active(graph, start, robot="sim", pictures=bag)
    states = graph.collect(JointState, "joint_states")
    poses = graph.collect(PoseStamped, "ee_pose")
    pictures = graph.collect(Image, "wrist/image_raw")
    # One more than the bag holds: it begins again.
    graph.wait_for(lambda: states and poses and len(pictures) > 4, "the bag to be shown again")
    assert {int(image_to_rgb(picture)[0, 0, 0]) for picture in pictures} <= {40, 80, 120, 160}
    np.testing.assert_allclose(states[0].position, [*joints.values(), 0.01], atol=1e-9)
    # With a description the joints say where the tool is.
    robot = load_robot("sim")
    kinematics = fake_kinematics(robot, load_urdf(robot.urdf))
    assert kinematics
    expected = kinematics.pose(np.array(list(joints.values())))
    np.testing.assert_allclose(from_pose(poses[0].pose), expected, atol=1e-9)


def test_topics_that_lead_nowhere_are_told(graph: Graph, start: Start, tmp_path: Path) -> None:
    found = graph.collect(DiagnosticArray, "/diagnostics")
    active(graph, start, robot=robot_file(tmp_path, "pose"))
    # As a policy that was written for a raw camera would.
    graph.collect(Image, "wrist/image_raw/compressed")
    graph.collect(JointState, "joint_states")

    def told() -> str:
        statuses = [s for array in found for s in array.status if s.name == "/fake"]
        return statuses[-1].message if statuses else ""

    raw = "as sensor_msgs/msg/Image, expected sensor_msgs/msg/CompressedImage"
    graph.wait_for(lambda: raw in told(), "the type to be told")
    assert "nobody listens to ee_pose (observations.ee_pose)" in told()
    assert "nobody publishes target_pose (commands.ee_pose)" in told()
    # It hears demonstrators too, but nobody need be one.
    assert "twist" not in told() and "joint_states" not in told()


def test_it_does_not_begin_beside_a_robot(graph: Graph, start: Start) -> None:
    graph.node.create_publisher(JointState, "joint_states", 1)
    node = start("fake_node")
    assert not graph.transition("/fake", "configure")
    graph.wait_for(lambda: node.said("/test publishes joint_states"), "the driver to be named")
    assert not graph.node.get_publishers_info_by_topic("/ee_pose")


def test_nothing_is_commanded_to_an_arm_that_comes_later(graph: Graph, start: Start) -> None:
    fake = active(graph, start)
    executor = start("executor_node", fake=True)
    policy = start("policy_node", policy="sway")
    for node in ("/executor", "/policy"):
        assert graph.transition(node, "configure") and graph.transition(node, "activate")
    graph.wait_for(lambda: fake.said("the first command has come on target_pose"), "commands")
    # Here a controller is started.
    obeyed = graph.collect(PoseStamped, "target_pose")
    graph.wait_for(lambda: executor.said("not commanded: "), "the executor to hold back")
    graph.wait_for(lambda: fake.said("the fake robot ends"), "the fake to fall silent")
    assert executor.said("/test listens to target_pose")
    assert not obeyed
    assert graph.state("/fake") == "inactive"
    assert not policy.said("Traceback") and not executor.said("Traceback")
