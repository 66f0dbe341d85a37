"""Grippers and poses as robots tell them, from bags: types, units, transforms, joints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from arm_bags import BEGIN_NS, FRAME, ArmBag, Message, grip, joints, pose, times, write_bag
from label_bags import array, codec_for, extracted, robot_values, robot_with

from groot_ros.data.bags.reader import open_bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.playback.replay import StateCollector
from groot_ros.data.playback.topics import find_streams
from groot_ros.data.review.inspection import describe_bag
from groot_ros.errors import UserError
from groot_ros.geometry import matrix_to_pose, pose_to_matrix
from groot_ros.observation.fields import NS
from groot_ros.observation.routes import routes
from groot_ros.observation.signal_messages import FLOATS, TRANSFORMS
from groot_ros.robot.config import parse_robot
from groot_ros.robot.forward_kinematics import LinkPoint
from groot_ros.robot.kinematics import arm_kinematics
from groot_ros.robot.urdf import load_urdf
from groot_ros.signals.kinds import VECTOR
from groot_ros.viewer.bag_subject import BagSubject

SECONDS = 2.0
MAKER = ArmBag().maker
LED = {"joint_position": {"topic": "/joint_states"}, "grip": {"type": "reached"}}


def of(make: Callable[[float], bytes], kind: str, topic: str = "/gripper") -> list[Message]:
    return [Message(topic, kind, t, make(t)) for t in times(SECONDS, 100)]


def made(name: str) -> Callable[[float], bytes]:
    return lambda t: MAKER.make(f"std_msgs/msg/{name}", data=_numbers(name)(t))


def _numbers(name: str) -> Callable[[float], Any]:
    return (lambda t: grip(t) > 0.5) if name == "Bool" else lambda t: 100 * (1 - grip(t))


GRIPS = {
    "float32, percent": ({"open": 100, "closed": 0}, "std_msgs/msg/Float32", made("Float32")),
    "float64, percent": ({"open": 100, "closed": 0}, "std_msgs/msg/Float64", made("Float64")),
    "array": ({"index": 1}, FLOATS, lambda t: array(MAKER, [5.0, grip(t)])),
    "float32 array": (
        {},
        "std_msgs/msg/Float32MultiArray",
        lambda t: array(MAKER, [grip(t)], 32),
    ),
    "switch": ({}, "std_msgs/msg/Bool", made("Bool")),
}


@pytest.mark.parametrize("case", GRIPS)
def test_a_gripper_is_read_whatever_tells_it(tmp_path: Path, case: str) -> None:
    stream, kind, make = GRIPS[case]
    arm = ArmBag(seconds=SECONDS)
    path = write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *of(make, kind)])
    robot = robot_with(LED, {"topic": "/gripper", **stream})
    rows, _ = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    taken_s = (rows.stamp_ns - BEGIN_NS) / NS
    if case == "switch":
        clear = np.abs(taken_s - 1.5) > 0.011
        np.testing.assert_array_equal(rows.state[clear, 0], (taken_s > 1.5)[clear])
    else:
        np.testing.assert_allclose(rows.state[:, 0], [grip(t) for t in taken_s], atol=1e-5)


def test_an_array_without_the_index_is_named(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    short = of(lambda t: array(MAKER, [1.0]), FLOATS)
    path = write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *short])
    robot = robot_with(LED, {"topic": "/gripper", "index": 3})
    with pytest.raises(BagError, match=r"1 numbers, expected more than 3, which is observations"):
        extracted(path, robot, codec_for(robot), tmp_path / "rows")


def transforms(stamp_ns: int, told: Sequence[tuple[str, str, np.ndarray]]) -> bytes:
    found = []
    for parent, child, value in told:
        x, y, z, qw, qx, qy, qz = map(float, value)
        found.append(
            MAKER.new(
                "geometry_msgs/msg/TransformStamped",
                header=MAKER.header(stamp_ns, parent),
                child_frame_id=child,
                transform=MAKER.new(
                    "geometry_msgs/msg/Transform",
                    translation=MAKER.new("geometry_msgs/msg/Vector3", x=x, y=y, z=z),
                    rotation=MAKER.new("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw),
                ),
            )
        )
    return MAKER.make(TRANSFORMS, transforms=found)


OFFSET = np.array([0.0, 0.02, 0.1, np.cos(0.4), 0.0, 0.0, np.sin(0.4)])
RAISED = np.array([0.0, 0.0, 0.7, 1.0, 0.0, 0.0, 0.0])


def chained(*poses: np.ndarray) -> np.ndarray:
    matrix = np.eye(4)
    for value in poses:
        matrix = matrix @ pose_to_matrix(value)
    return matrix_to_pose(matrix)


def tree(moving_hz: float, without: str = "") -> list[Message]:
    """world -> base (static), world -> hand, the arm's motion, hand -> tool0 (static)."""
    static = [("world", FRAME, RAISED), ("hand", "tool0", OFFSET)]
    kept = [told for told in static if told[1] != without]
    messages = [Message("/tf_static", TRANSFORMS, -5.0, transforms(BEGIN_NS - 5 * NS, kept))]
    for time_s in times(SECONDS, moving_hz):
        value = chained(RAISED, pose(time_s))
        data = transforms(BEGIN_NS + round(time_s * NS), [("world", "hand", value)])
        messages.append(Message("/tf", TRANSFORMS, time_s + 0.001, data))
    other = transforms(BEGIN_NS, [("map", "cart", RAISED)])
    return [*messages, *(Message("/tf", TRANSFORMS, t, other) for t in times(SECONDS, 10))]


def with_pose(stream: dict[str, Any]) -> dict[str, Any]:
    values = robot_values({"ee_pose": {"topic": "/target_pose"}, "grip": {"type": "reached"}})
    values["observations"]["ee_pose"] = stream
    values["output"] |= {"profile": "pose", "topic": "/target_pose"}
    return values


def arm_messages(messages: list[Message]) -> list[Message]:
    arm = ArmBag(seconds=SECONDS)
    states = [m for m in arm.states() if m.topic != "/ee_pose"]
    return [*states, *arm.images(), *arm.commands(), *messages]


def test_a_pose_in_transforms_is_chained_and_interpolated(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", arm_messages(tree(40)))
    tool = {"xyz": [0.0, 0.0, 0.05]}
    robot = parse_robot(with_pose({"tf": "tool0", "tool": tool}), "mine.yaml")
    codec = codec_for(robot, "ee_rot6d")
    rows, _ = extracted(path, robot, codec, tmp_path / "rows")
    taken_s = (rows.stamp_ns - BEGIN_NS) / NS
    moved = np.array([0.0, 0.0, 0.05, 1.0, 0.0, 0.0, 0.0])
    wanted = [chained(pose(t), OFFSET, moved) for t in taken_s]
    np.testing.assert_allclose(rows.state[:, 1:4], np.array(wanted)[:, :3], atol=1e-5)
    assert len(rows) > 20


@pytest.mark.parametrize(
    ("without", "link", "sentence"),
    [
        ("tool0", "tool0", "no transform tells of frame tool0, only of cart, "),
        ("", "tool1", "no transform tells of frame tool1, .*did you mean tool0"),
        (FRAME, "tool0", f"no transform tells of frame {FRAME}"),
        ("", "cart", f"no transforms connect {FRAME} to cart: cart hangs below map, "),
    ],
)
def test_a_chain_that_is_broken_is_named(
    tmp_path: Path, without: str, link: str, sentence: str
) -> None:
    path = write_bag(tmp_path / "bag", arm_messages(tree(40, without)))
    robot = parse_robot(with_pose({"tf": link}), "mine.yaml")
    with pytest.raises(BagError, match=sentence):
        extracted(path, robot, codec_for(robot, "ee_rot6d"), tmp_path / "rows")


def test_a_pose_is_computed_from_the_joints(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", arm_messages([]))
    robot = parse_robot(with_pose({"fk": "fr3_hand_tcp"}), "mine.yaml")
    rows, _ = extracted(path, robot, codec_for(robot, "ee_rot6d"), tmp_path / "rows")
    kinematics = arm_kinematics(robot, load_urdf(robot.urdf), [LinkPoint("x", "fr3_hand_tcp")])
    taken_s = (rows.stamp_ns - BEGIN_NS) / NS
    wanted = kinematics.positions(np.array([joints(t) for t in taken_s]))[:, 0]
    np.testing.assert_allclose(rows.state[:, 1:4], wanted, atol=1e-4)
    robot = parse_robot(with_pose({"fk": "fr3_hand_tpc"}), "mine.yaml")
    with pytest.raises(UserError, match="observations.ee_pose.fk names 'fr3_hand_tpc'.*hand_tcp"):
        extracted(path, robot, codec_for(robot, "ee_rot6d"), tmp_path / "unknown")


def test_the_description_of_the_arm_may_be_in_the_bag(tmp_path: Path) -> None:
    values = with_pose({"fk": "fr3_hand_tcp"})
    urdf = values.pop("urdf")
    del values["limits"]["points"]
    robot = parse_robot(values, "mine.yaml")
    codec = codec_for(robot, "ee_rot6d")
    data = MAKER.make("std_msgs/msg/String", data=Path(urdf).read_text())
    said = Message("/robot_description", "std_msgs/msg/String", -5.0, data)
    path = write_bag(tmp_path / "bag", arm_messages([said]))
    rows, _ = extracted(path, robot, codec, tmp_path / "rows")
    kinematics = arm_kinematics(robot, load_urdf(urdf), [LinkPoint("x", "fr3_hand_tcp")])
    taken_s = (rows.stamp_ns - BEGIN_NS) / NS
    wanted = kinematics.positions(np.array([joints(t) for t in taken_s]))[:, 0]
    np.testing.assert_allclose(rows.state[:, 1:4], wanted, atol=1e-4)
    path = write_bag(tmp_path / "without", arm_messages([]))
    with pytest.raises(BagError, match="has not come on robot_description: name a URDF file at"):
        extracted(path, robot, codec, tmp_path / "without_rows")


def odometry(time_s: float) -> bytes:
    told = MAKER.new
    x, y, z, qw, qx, qy, qz = map(float, pose(time_s))
    zero = told("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0)
    covariance = np.zeros(36)
    return MAKER.make(
        "nav_msgs/msg/Odometry",
        header=MAKER.header(BEGIN_NS + round(time_s * NS), FRAME),
        child_frame_id="tool0",
        pose=told(
            "geometry_msgs/msg/PoseWithCovariance",
            pose=told(
                "geometry_msgs/msg/Pose",
                position=told("geometry_msgs/msg/Point", x=x, y=y, z=z),
                orientation=told("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw),
            ),
            covariance=covariance,
        ),
        twist=told(
            "geometry_msgs/msg/TwistWithCovariance",
            twist=told("geometry_msgs/msg/Twist", linear=zero, angular=zero),
            covariance=covariance,
        ),
    )


def one_transform(time_s: float) -> bytes:
    stamp_ns = BEGIN_NS + round(time_s * NS)
    x, y, z, qw, qx, qy, qz = map(float, pose(time_s))
    return MAKER.make(
        "geometry_msgs/msg/TransformStamped",
        header=MAKER.header(stamp_ns, FRAME),
        child_frame_id="tool0",
        transform=MAKER.new(
            "geometry_msgs/msg/Transform",
            translation=MAKER.new("geometry_msgs/msg/Vector3", x=x, y=y, z=z),
            rotation=MAKER.new("geometry_msgs/msg/Quaternion", x=qx, y=qy, z=qz, w=qw),
        ),
    )


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (one_transform, "geometry_msgs/msg/TransformStamped"),
        (odometry, "nav_msgs/msg/Odometry"),
    ],
)
def test_a_pose_is_read_whatever_tells_it(
    tmp_path: Path, make: Callable[[float], bytes], kind: str
) -> None:
    path = write_bag(tmp_path / "bag", arm_messages(of(make, kind, "/hand")))
    robot = parse_robot(with_pose({"topic": "/hand"}), "mine.yaml")
    rows, _ = extracted(path, robot, codec_for(robot, "ee_rot6d"), tmp_path / "rows")
    taken_s = (rows.stamp_ns - BEGIN_NS) / NS
    wanted = np.array([pose(t)[:3] for t in taken_s])
    np.testing.assert_allclose(rows.state[:, 1:4], wanted, atol=1e-5)


def twist(time_s: float, value: Sequence[float], frame: str) -> bytes:
    linear, angular = (
        MAKER.new("geometry_msgs/msg/Vector3", x=x, y=y, z=z) for x, y, z in (value[:3], value[3:])
    )
    return MAKER.make(
        "geometry_msgs/msg/TwistStamped",
        header=MAKER.header(BEGIN_NS + round(time_s * NS), frame),
        twist=MAKER.new("geometry_msgs/msg/Twist", linear=linear, angular=angular),
    )


@pytest.mark.parametrize("frame", [FRAME, "tool0"])
def test_twists_lead_from_where_the_hand_was(tmp_path: Path, frame: str) -> None:
    """The hand turns about the vertical, which its own axis points against."""
    rate, speed = 0.2, np.array([0.05, 0.02, 0.0])

    def servo(time_s: float) -> bytes:
        value = [*speed, 0.0, 0.0, rate]
        if frame == "tool0":
            turned = pose_to_matrix(pose(time_s))[:3, :3]
            value = [*(turned.T @ speed), *(turned.T @ [0.0, 0.0, rate])]
        return twist(time_s, np.array(value) / [2, 2, 2, 4, 4, 4], frame)

    messages = of(servo, "geometry_msgs/msg/TwistStamped", "/servo")
    arm = ArmBag(seconds=SECONDS)
    path = write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *messages])
    values = with_pose({"topic": "/ee_pose"})
    label = {"topic": "/servo", "scale": [2.0, 4.0], "link": "tool0"}
    values["labels"]["ee_pose"] = label
    robot = parse_robot(values, "mine.yaml")
    codec = codec_for(robot, "ee")
    rows, _ = extracted(path, robot, codec, tmp_path / "rows")
    due_s = (rows.due_ns - BEGIN_NS) / NS
    wanted = np.array([pose(t) for t in due_s])
    np.testing.assert_allclose(rows.action[:, :7], wanted, atol=2e-4)
    del label["link"]
    robot = parse_robot(values, "mine.yaml")
    if frame != FRAME:
        with pytest.raises(BagError, match=r"frame 'tool0', expected .*labels\.ee_pose\.link"):
            extracted(path, robot, codec, tmp_path / "unnamed")


def test_inspect_reads_transforms_too(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", arm_messages(tree(40)))
    robot = tmp_path / "mine.yaml"
    robot.write_text(yaml.safe_dump(with_pose({"tf": "tool0"})))
    assert describe_bag(path, str(robot))["problems"] == []
    robot.write_text(yaml.safe_dump(with_pose({"tf": "tool9"})))
    [problem] = describe_bag(path, str(robot))["problems"]
    assert problem.startswith("ee_pose: no transform tells of frame tool9")


def test_inspect_waits_for_the_description_and_needs_nothing_static(tmp_path: Path) -> None:
    values = with_pose({"fk": "fr3_hand_tcp"})
    urdf = values.pop("urdf")
    del values["limits"]["points"]
    robot = tmp_path / "mine.yaml"
    robot.write_text(yaml.safe_dump(values))
    data = MAKER.make("std_msgs/msg/String", data=Path(urdf).read_text())
    said = Message("/robot_description", "std_msgs/msg/String", -5.0, data)
    path = write_bag(tmp_path / "described", arm_messages([said]))
    assert describe_bag(path, str(robot))["problems"] == []
    path = write_bag(tmp_path / "without", arm_messages([]))
    [problem] = describe_bag(path, str(robot))["problems"]
    assert problem.startswith("ee_pose: the arm's description has not come")
    told = [(FRAME, "hand", RAISED)]
    moving = of(lambda t: transforms(BEGIN_NS + round(t * NS), told), TRANSFORMS, "/tf")
    path = write_bag(tmp_path / "moving", arm_messages(moving))
    robot.write_text(yaml.safe_dump(with_pose({"tf": "hand"})))
    assert describe_bag(path, str(robot))["problems"] == []


def test_the_page_tells_no_problem_of_what_was_read_later(tmp_path: Path) -> None:
    """Transforms come one by one, and the last one that is needed comes late."""
    late = [m for m in tree(40) if m.topic != "/tf_static"]
    static = [("world", FRAME, RAISED), ("hand", "tool0", OFFSET)]
    late.append(Message("/tf_static", TRANSFORMS, 0.5, transforms(BEGIN_NS, static)))
    path = write_bag(tmp_path / "bag", arm_messages(late))
    robot = tmp_path / "mine.yaml"
    robot.write_text(yaml.safe_dump(with_pose({"tf": "tool0"})))
    subject = BagSubject(path, [path], str(robot), "ee_rot6d")
    assert "ee_pose: place" in [plot["title"] for plot in subject.episode(0)["plots"]]
    found = subject.findings(0)["findings"]
    # The steps before are left out, which is said of them alone.
    assert {f["kind"] for f in found if "no transform" in f["text"]} == {"dropped"}


def test_two_signals_of_one_array_are_both_read(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    numbers = of(lambda t: array(MAKER, [grip(t), t]), FLOATS, "/tactile")
    path = write_bag(tmp_path / "bag", [*arm.states(), *arm.images(), *numbers])
    values = robot_values(LED, {"topic": "/tactile", "index": 0})
    touch = {"topic": "/tactile", "type": "array", "names": ["near", "far"]}
    robot = parse_robot({**values, "signals": {"touch": touch}}, "mine.yaml")
    collector = StateCollector(robot, ("grip", "touch"))
    with open_bag(path) as bag:
        [(name, route)] = find_streams(bag, routes(collector), "/").items()
        for _, arrival_ns, message in bag.messages({name: route.type_name}):
            route.store(message, arrival_ns)
    closures, touched = (collector.samples[key].signal(VECTOR) for key in ("grip", "touch"))
    assert len(closures) == len(touched) == len(numbers)
    np.testing.assert_allclose(touched.values[:, 0], closures.values.ravel(), atol=1e-9)
