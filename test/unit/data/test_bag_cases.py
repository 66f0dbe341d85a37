"""Bags as other robots write them: read to the known values, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from arm_bags import (
    BEGIN_NS,
    FRAME,
    LEAD_S,
    NS,
    ArmBag,
    Message,
    conversion,
    full_store,
    grip,
    joints,
    pose,
    position,
    robot_file,
    write_bag,
)
from rosbags.rosbag2 import StoragePlugin, Writer

from groot_ros.data.bags.reader import open_bag
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import verify
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import ACTION, STAMP, STATE
from groot_ros.data.playback.episodes import EpisodeChoice
from groot_ros.data.review.inspection import describe_bag
from groot_ros.errors import UserError
from groot_ros.observation.signal_messages import FLOAT, JOINT_STATE, POSE

SECONDS = 1.8
ARM = ArmBag(seconds=SECONDS)
FINGER = "fr3_finger_joint1"
Messages = list[Message]
Keys = dict[str, dict[str, object]]
"""Keys of the robot file below places such as observations.grip."""


def changed(topic: str, change: Callable[[Message], Messages]) -> Messages:
    """The usual bag, each message of a topic replaced."""
    return [new for m in ARM.messages() for new in ([m] if m.topic != topic else change(m))]


def joint_state(time_s: float, names: list[str]) -> bytes:
    values = dict(zip(ARM.joint_names, joints(time_s).tolist(), strict=True))
    values[FINGER] = 0.04 * (1 - grip(time_s))
    values |= {"slider": 9.0, "extra": 8.0}
    return ARM.maker.joint_state(ARM.stamp_ns(time_s), {name: values[name] for name in names})


def joint_states(*groups: list[str]) -> Messages:
    """Each joint state as several messages, of some joints each."""

    def split(m: Message) -> Messages:
        return [replace(m, data=joint_state(m.arrival_s, names)) for names in groups]

    return changed("/joint_states", split)


def poses(frame: str = FRAME, scale: float = 1.0, flips: bool = False) -> Messages:
    def change(m: Message) -> Messages:
        value = pose(m.arrival_s)
        value[3:] *= scale * (-1 if flips and round(50 * m.arrival_s) % 2 else 1)
        return [replace(m, data=ARM.maker.pose(ARM.stamp_ns(m.arrival_s), frame, value))]

    return changed("/ee_pose", change)


def widths() -> Messages:
    """Gripper commands in m between the fingers."""

    def change(m: Message) -> Messages:
        closure = float(grip(m.arrival_s + LEAD_S) > 0.0)
        return [replace(m, data=ARM.maker.float64(0.08 * (1 - closure)))]

    return changed("/gripper/command", change)


def camera_at(rate_hz: float) -> Messages:
    """The exterior camera at another rate than the wrist's."""
    other = replace(ARM, camera_hz=rate_hz)
    others = [m for m in ARM.messages() if m.topic != "/exterior/image_raw"]
    return [*others, *other.images(("exterior",))]


def broken(topic: str, make: Callable[[float], bytes]) -> Messages:
    """Nothing but nonsense on a topic from 1.39 to 1.48 s."""

    def change(m: Message) -> Messages:
        return [replace(m, data=make(m.arrival_s)) if 1.39 < m.arrival_s < 1.48 else m]

    return changed(topic, change)


def no_pose(time_s: float) -> bytes:
    return ARM.maker.pose(ARM.stamp_ns(time_s), FRAME, np.zeros(7))


def no_joints(time_s: float) -> bytes:
    names = dict.fromkeys([*ARM.joint_names, FINGER], float("nan"))
    return ARM.maker.joint_state(ARM.stamp_ns(time_s), names)


def late_pictures() -> Messages:
    """Every second one comes behind the next."""
    count = iter(range(1000))

    def change(m: Message) -> Messages:
        return [replace(m, arrival_s=m.arrival_s + 0.06 * (next(count) % 2))]

    return changed("/exterior/image_raw", change)


def of_type(topic: str, type_name: str) -> Messages:
    """The same bytes by another name: what is wrong is the type."""
    return changed(topic, lambda m: [replace(m, type_name=type_name)])


def without(*topics: str) -> Messages:
    return [m for m in ARM.messages() if m.topic not in topics]


def unstamped(*topics: str) -> Messages:
    """Stamps of zero, where there is a stamp: behind the encapsulation comes the header."""
    return [
        replace(m, data=m.data[:4] + bytes(8) + m.data[12:])
        if m.type_name != FLOAT and (not topics or m.topic in topics)
        else m
        for m in ARM.messages()
    ]


ARRIVAL: Keys = {
    "observations.joint_position": {"clock": "arrival"},
    "observations.ee_pose": {"clock": "arrival"},
    "observations.grip": {"clock": "arrival"},
    "observations.cameras.exterior": {"clock": "arrival", "latency": ARM.image_delay_s},
    "observations.cameras.wrist": {"clock": "arrival", "latency": ARM.image_delay_s},
}
READ: dict[str, tuple[Callable[[], Messages], Keys]] = {
    "joints in another order and more of them": (
        lambda: joint_states(["slider", *reversed(ARM.joint_names), FINGER, "extra"]),
        {},
    ),
    "gripper in a message of its own": (
        lambda: joint_states(list(ARM.joint_names), [FINGER]),
        {},
    ),
    "an arm in two messages": (
        lambda: joint_states([*ARM.joint_names[:4]], [*ARM.joint_names[4:], FINGER]),
        {},
    ),
    "quaternions that change their sign": (lambda: poses(scale=1.0003, flips=True), {}),
    "gripper commanded in m": (
        widths,
        {"commands.grip": {"topic": "gripper/command", "open": 0.08, "closed": 0.0}},
    ),
    "a camera of 60 Hz": (lambda: camera_at(60), {}),
    "cameras of 25 and 30 Hz": (lambda: camera_at(25), {}),
    "pictures out of order": (late_pictures, {}),
    "stamps of zero": (unstamped, ARRIVAL),
    "labels with stamps of zero": (lambda: unstamped("/target_pose"), {}),
}


def assert_true(dataset: Path, tolerance: float = 1e-5) -> None:
    """All rows hold the motion at the times of their pictures and of their actions."""
    read = Dataset(dataset)
    [episode] = read.episodes
    columns = read.columns(episode)
    taken_s = (columns[STAMP] - BEGIN_NS) / NS
    state = columns[STATE]
    np.testing.assert_allclose(state[:, 0], [grip(t) for t in taken_s], atol=tolerance)
    np.testing.assert_allclose(state[:, 1:4], [position(t) for t in taken_s], atol=tolerance)
    np.testing.assert_allclose(state[:, 8:], [joints(t) for t in taken_s], atol=tolerance)
    part = read.own["sources"][0]["parts"][0]
    due_s = (part["first_due_ns"] - BEGIN_NS) / NS + np.arange(len(taken_s)) / 15
    wanted = [pose(t + LEAD_S) for t in due_s]
    np.testing.assert_allclose(columns[ACTION][:, :7], wanted, atol=tolerance)
    assert len(taken_s) >= 15 * SECONDS - 1


@pytest.mark.parametrize("case", READ)
def test_a_bag_is_read(tmp_path: Path, case: str) -> None:
    messages, keys = READ[case]
    bag = write_bag(tmp_path / "bag", messages())
    robot = robot_file(tmp_path / "robot.yaml", keys)
    assert describe_bag(bag, robot)["problems"] == []
    assert convert(conversion(bag, tmp_path / "out", robot=robot)).dropped == {}
    assert_true(tmp_path / "out")
    assert verify(bag, robot, "ee_quat_joints", tmp_path / "out").is_equal


@pytest.mark.parametrize(
    ("topic", "make", "reason"),
    [
        ("/joint_states", no_joints, "grip holds NaN or infinity: check its publisher"),
        ("/ee_pose", no_pose, "ee_pose: quaternion of length 0 found, expected a unit quaternion"),
    ],
    ids=["joints", "pose"],
)
def test_a_burst_of_nonsense_costs_its_steps_and_is_named(
    tmp_path: Path, topic: str, make: Callable[[float], bytes], reason: str
) -> None:
    bag = write_bag(tmp_path / "wéird päth ☃" / "bag 1", broken(topic, make))
    report = convert(
        conversion(bag, tmp_path / "öut", choice=EpisodeChoice(instruction='把红色 "schön"\n\t\\'))
    )
    [(found, steps)] = [item for item in report.dropped.items() if "shorter" not in item[0]]
    assert found.startswith(reason) and 1 <= steps <= 2
    read = Dataset(tmp_path / "öut")
    assert read.own["sources"][0]["losses"][0]["topic"] == topic
    assert [list(episode.tasks) for episode in read.episodes] == [['把红色 "schön"\n\t\\']]
    columns = read.columns(read.episodes[0])
    taken_s = (columns[STAMP] - BEGIN_NS) / NS
    assert len(taken_s) >= 19 and taken_s[-1] < 1.4
    np.testing.assert_allclose(columns[STATE][:, 8:], [joints(t) for t in taken_s], atol=1e-5)


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_bag_in_simulation_time_is_read_from_its_clock_on(
    tmp_path: Path, storage: StoragePlugin
) -> None:
    """Before /clock came the recorder wrote times of 0, and these messages are counted."""
    begin_s = 100.0 - BEGIN_NS / NS
    arm = replace(ARM, seconds=2.0, clock_offset_s=begin_s)
    timeless_s, zero_s = 0.2, -BEGIN_NS / NS

    def is_timeless(m: Message) -> bool:
        # And some later, as of a simulation that begins anew.
        return m.arrival_s < timeless_s or (
            m.topic == "/gripper/command" and 1.0 < m.arrival_s < 1.1
        )

    messages = [
        replace(m, arrival_s=zero_s if is_timeless(m) else begin_s + m.arrival_s)
        for m in arm.messages()
    ]
    bag = write_bag(tmp_path / "bag", messages, storage)
    count = sum(is_timeless(m) for m in arm.messages())
    note = f"{count} messages were recorded at a time of 0, before /clock had come"
    described = describe_bag(bag, "sim")
    assert described["problems"] == [f"{note}, and are left out"]
    assert described["duration_s"] == pytest.approx(2.0 - timeless_s, abs=0.05)
    report = convert(conversion(bag, tmp_path / "out"))
    assert report.episodes[0].notes == [f"{note}, and are left out"]
    columns = Dataset(tmp_path / "out").columns(Dataset(tmp_path / "out").episodes[0])
    taken_s = columns[STAMP] / NS - 100.0
    assert len(taken_s) >= 15 * (2.0 - timeless_s) - 1
    np.testing.assert_allclose(columns[STATE][:, 1:4], [position(t) for t in taken_s], atol=1e-5)
    np.testing.assert_allclose(columns[STATE][:, 8:], [joints(t) for t in taken_s], atol=1e-5)
    assert verify(bag, "sim", "ee_quat_joints", tmp_path / "out").is_equal


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_message_of_another_century_is_left_out(tmp_path: Path, storage: StoragePlugin) -> None:
    """As of a number that was never set; the states around it are none the worse."""
    arm = replace(ARM, seconds=2.0)
    odd = next(m for m in arm.messages() if m.topic == "/joint_states" and 1.0 < m.arrival_s < 1.1)
    bag = tmp_path / "bag"
    with Writer(bag, version=9, storage_plugin=storage) as writer:
        connections = {
            key: writer.add_connection(*key, typestore=full_store())
            for key in {(m.topic, m.type_name): None for m in arm.messages()}
        }
        for m in sorted(arm.messages(), key=lambda m: m.arrival_s):
            time_ns = 2**62 if m.data == odd.data else BEGIN_NS + round(m.arrival_s * NS)
            writer.write(connections[m.topic, m.type_name], time_ns, m.data)
    note = "1 messages were recorded at a time beyond the year 2100, and are left out"
    described = describe_bag(bag, "sim")
    assert described["problems"] == [note]
    assert described["duration_s"] == pytest.approx(2.0, abs=0.05)
    with open_bag(bag) as opened:
        assert opened.clock_steps == []
    report = convert(conversion(bag, tmp_path / "out"))
    assert report.episodes[0].notes == [note]
    columns = Dataset(tmp_path / "out").columns(Dataset(tmp_path / "out").episodes[0])
    assert len(columns[STAMP]) >= 15 * 2.0 - 2


def test_a_bag_without_any_time_is_refused(tmp_path: Path) -> None:
    bag = write_bag(
        tmp_path / "bag", [replace(m, arrival_s=-BEGIN_NS / NS) for m in ARM.messages()]
    )
    with pytest.raises(UserError, match="all messages of bag .* were recorded at a time of 0"):
        convert(conversion(bag, tmp_path / "out"))


REFUSED: dict[str, tuple[Callable[[], Messages], Keys, str]] = {
    "names without positions": (
        lambda: changed(
            "/joint_states",
            lambda m: [replace(m, data=names_without_positions(m.arrival_s))],
        ),
        {},
        "joint_states has 8 names but 0 positions",
    ),
    "poses in no frame": (
        lambda: poses(frame=""),
        {},
        "ee_pose: messages name no frame, the robot file's base_frame is 'fr3_link0': let their",
    ),
    "poses of a length of 0": (lambda: poses(scale=0.0), {}, "quaternion of length 0"),
    "poses as points": (
        lambda: of_type("/ee_pose", "geometry_msgs/msg/PointStamped"),
        {},
        "is geometry_msgs/msg/PointStamped, expected geometry_msgs/msg/PoseStamped or .* for the "
        "robot file's ee_pose: name another topic",
    ),
    "gripper commands as text": (
        lambda: of_type("/gripper/command", "std_msgs/msg/String"),
        {},
        "is std_msgs/msg/String, expected std_msgs/msg/Float64 or .* for the labels .*_traj",
    ),
    "a camera that sends points": (
        lambda: of_type("/wrist/image_raw", "sensor_msgs/msg/PointCloud2"),
        {},
        "is sensor_msgs/msg/PointCloud2, expected sensor_msgs/msg/Image or .* for the robot "
        "file's wrist",
    ),
    "stamps of zero": (
        unstamped,
        {},
        r"messages carry no time \(header.stamp is 0\): let the driver stamp them, or set "
        "clock: arrival",
    ),
    "nothing": (list, {}, "holds no messages: nothing was recorded"),
    "one picture": (
        lambda: [m for m in ARM.messages() if m.arrival_s < 0.05],
        {},
        "is empty: 1 step dropped: part shorter than the horizon of 16 steps",
    ),
}


def names_without_positions(time_s: float) -> bytes:
    header = ARM.maker.header(ARM.stamp_ns(time_s), "")
    empty = np.zeros(0)
    return ARM.maker.make(
        JOINT_STATE,
        header=header,
        name=[*ARM.joint_names, FINGER],
        position=empty,
        velocity=empty,
        effort=empty,
    )


@pytest.mark.parametrize("case", REFUSED)
def test_a_bag_is_refused_in_one_sentence(tmp_path: Path, case: str) -> None:
    messages, keys, sentence = REFUSED[case]
    bag = write_bag(tmp_path / "bag", messages())
    robot = robot_file(tmp_path / "robot.yaml", keys)
    with pytest.raises(UserError, match=sentence) as caught:
        convert(conversion(bag, tmp_path / "out", robot=robot))
    assert "\n" not in str(caught.value)


def test_a_gripper_in_the_trajectories_of_the_arm_is_on_their_topic(tmp_path: Path) -> None:
    channel = {"type": "trajectory", "joint": FINGER, "open": 0.04, "closed": 0.0}
    keys: Keys = {"commands": {"grip": channel}, "output": {"profile": "joint_trajectory"}}
    robot = robot_file(tmp_path / "robot.yaml", keys)
    bag = write_bag(tmp_path / "bag", without("/gripper/command"))
    assert describe_bag(bag, robot)["problems"] == []
    with pytest.raises(UserError, match="no topic /joint_trajectory for the labels .*_traj"):
        convert(conversion(bag, tmp_path / "out", robot=robot))


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (lambda: poses(frame="world"), "ee_pose: messages are in frame 'world'"),
        (
            lambda: unstamped("/wrist/image_raw"),
            "camera wrist: messages carry no time",
        ),
        (
            lambda: joint_states([FINGER]),
            "joint_position: joint_states has no joint 'fr3_joint1'",
        ),
        (
            lambda: of_type("/ee_pose", "geometry_msgs/msg/PointStamped"),
            f"ee_pose: ee_pose is geometry_msgs/msg/PointStamped, expected {POSE}",
        ),
    ],
    ids=["frame", "stamps", "joints", "type"],
)
def test_inspect_says_what_cannot_be_read(
    tmp_path: Path, messages: Callable[[], Messages], problem: str
) -> None:
    bag = write_bag(tmp_path / "bag", messages())
    [found] = describe_bag(bag, "sim")["problems"]
    assert found.startswith(problem)
