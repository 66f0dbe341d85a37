"""Grippers as demonstrators command them: numbers, switches, joints, actions, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from arm_bags import BEGIN_NS, ArmBag, Message, full_store, grip, joints, times, write_bag
from label_bags import array, codec_for, extracted, observed, robot_with, trajectory
from rosbags.rosbag2 import StoragePlugin, Writer

from groot_ros.data.bags.gripper_definitions import ACTION, register_gripper_types
from groot_ros.data.bags.storage import BagError
from groot_ros.observation.fields import NS
from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.observation.signal_messages import FLOATS, JOINT_STATE

SECONDS, CLOSES_S = 2.0, 0.9
TOPIC = "/grip"
MAKER = ArmBag().maker


def led(arm: ArmBag) -> list[Message]:
    found = []
    for time_s in times(SECONDS, 30):
        positions = dict(zip(arm.joint_names, joints(time_s).tolist(), strict=True))
        data = arm.maker.joint_state(arm.stamp_ns(time_s), positions)
        found.append(Message("/leader", JOINT_STATE, time_s, data))
    return found


def told(make: Callable[[float, bool], bytes], kind: str) -> list[Message]:
    """A gripper that is told to close at 0.9 s."""
    return [Message(TOPIC, kind, t, make(t, t >= CLOSES_S)) for t in times(SECONDS, 30)]


def point(time_s: float, closed: bool, with_others: bool) -> bytes:
    goal = 0.8 if closed else 0.1
    names, positions = ["finger"], [goal]
    if with_others:
        names, positions = ["arm", "finger"], [9.0, goal]
    return trajectory(MAKER, BEGIN_NS + round(time_s * NS), names, [(0.5, positions)])


WIDTH = {"open": 0.085, "closed": 0.0}
CASES = {
    "float32, percent": (
        {"open": 100.0, "closed": 0.0},
        "std_msgs/msg/Float32",
        lambda _, closed: MAKER.make("std_msgs/msg/Float32", data=0.0 if closed else 100.0),
    ),
    "float64, width in m": (
        WIDTH,
        "std_msgs/msg/Float64",
        lambda _, closed: MAKER.float64(0.0 if closed else 0.085),
    ),
    "suction": (
        {},
        "std_msgs/msg/Bool",
        lambda _, closed: MAKER.make("std_msgs/msg/Bool", data=closed),
    ),
    "suction, inverted": (
        {"open": 1.0, "closed": 0.0},
        "std_msgs/msg/Bool",
        lambda _, closed: MAKER.make("std_msgs/msg/Bool", data=not closed),
    ),
    "one of an array": (
        {"index": 2, **WIDTH},
        FLOATS,
        lambda _, closed: array(MAKER, [7, 7, 0.0 if closed else 0.085]),
    ),
    "array of one": (
        WIDTH,
        "std_msgs/msg/Float32MultiArray",
        lambda _, closed: array(MAKER, [0.0 if closed else 0.085], 32),
    ),
    "a trajectory": (
        {"joint": "finger", "open": 0.1, "closed": 0.8},
        TRAJECTORY,
        lambda t, closed: point(t, closed, with_others=False),
    ),
    "a joint of the arm's trajectory": (
        {"joint": "finger", "open": 0.1, "closed": 0.8},
        TRAJECTORY,
        lambda t, closed: point(t, closed, with_others=True),
    ),
}


def converted(tmp_path: Path, label: dict[str, object], messages: list[Message]):
    arm = ArmBag(seconds=SECONDS)
    path = write_bag(tmp_path / "bag", [*observed(arm), *led(arm), *messages])
    robot = robot_with({"joint_position": {"topic": "/leader"}, "grip": label})
    rows, result = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    return (rows.due_ns - BEGIN_NS) / NS, rows.action[:, 7], result


@pytest.mark.parametrize("case", CASES)
def test_the_newest_command_is_the_label(tmp_path: Path, case: str) -> None:
    label, kind, make = CASES[case]
    due_s, closures, result = converted(tmp_path, {"topic": TOPIC, **label}, told(make, kind))
    assert len(due_s) > 20 and result.notes == []
    # A step at 0.9 s itself could be either.
    clear = np.abs(due_s - CLOSES_S) > 1e-3
    np.testing.assert_array_equal(closures[clear], (due_s > CLOSES_S)[clear].astype(np.float32))


def test_an_action_without_a_trace_gives_what_was_reached_and_says_so(tmp_path: Path) -> None:
    label = {"topic": "/gripper/gripper_cmd", "type": "gripper_command"}
    due_s, closures, result = converted(tmp_path, label, [])
    np.testing.assert_allclose(closures, [grip(t) for t in due_s], atol=0.021)
    assert closures.max() > 0.7
    assert "the bag holds nothing of the action /gripper/gripper_cmd" in result.notes[0]
    due_s, closures, result = converted(tmp_path / "said", {"type": "reached"}, [])
    np.testing.assert_allclose(closures, [grip(t) for t in due_s], atol=0.021)
    assert result.notes == []


def test_an_index_that_an_array_does_not_have_is_named(tmp_path: Path) -> None:
    messages = told(lambda _, closed: array(MAKER, [0.0, 1.0]), FLOATS)
    with pytest.raises(BagError, match=r"2 numbers, expected more than 2, which is labels\.grip"):
        converted(tmp_path, {"topic": TOPIC, "index": 2}, messages)
    with pytest.raises(BagError, match=r"2 numbers, expected one: say which with labels\.grip"):
        converted(tmp_path / "unsaid", {"topic": TOPIC}, messages)


def test_a_number_that_is_none_costs_its_steps(tmp_path: Path) -> None:
    messages = told(
        lambda t, closed: MAKER.float64(np.nan if t < 0.2 else float(closed)),
        "std_msgs/msg/Float64",
    )
    due_s, _, result = converted(tmp_path, {"topic": TOPIC}, messages)
    assert due_s[0] >= 0.2
    assert "6 commands on /grip are not finite or no pose and were left out" in result.notes


def action_bag(path: Path, topics: dict[str, list[tuple[float, str, dict[str, object]]]]) -> Path:
    """A bag with hidden topics whose types it does not define."""
    store = full_store()
    register_gripper_types(store)
    arm = ArmBag(seconds=SECONDS)
    messages = [*observed(arm), *led(arm)]
    for topic, told_ in topics.items():
        for time_s, kind, fields in told_:
            data = bytes(store.serialize_cdr(store.types[kind](**fields), kind))
            messages.append(Message(topic, kind, time_s, data))
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for message in sorted(messages, key=lambda message: message.arrival_s):
            key = (message.topic, message.type_name)
            if key not in connections:
                # What an action is made of, which says nothing of its topics.
                said = {"msgdef": f"ACTION: {ACTION}\n", "rihs01": "RIHS01_0"}
                said = said if ACTION in message.type_name else {"typestore": store}
                connections[key] = writer.add_connection(*key, **said)
            time_ns = BEGIN_NS + round(message.arrival_s * NS)
            writer.write(connections[key], time_ns, message.data)
    return path


def goal(time_s: float, position: float) -> tuple[float, str, dict[str, object]]:
    store = full_store()
    register_gripper_types(store)

    def new(name: str, **fields: object) -> object:
        return store.types[name](**fields)

    uuid = new("unique_identifier_msgs/msg/UUID", uuid=np.zeros(16, np.uint8))
    command = new("control_msgs/msg/GripperCommand", position=position, max_effort=5.0)
    wanted = new(f"{ACTION}_Goal", command=command)
    request = new(f"{ACTION}_SendGoal_Request", goal_id=uuid, goal=wanted)
    stamp = new("builtin_interfaces/msg/Time", sec=0, nanosec=0)
    info = new(
        "service_msgs/msg/ServiceEventInfo",
        event_type=1,
        stamp=stamp,
        client_gid=np.zeros(16, np.uint8),
        sequence_number=1,
    )
    return (
        time_s,
        f"{ACTION}_SendGoal_Event",
        {"info": info, "request": [request], "response": []},
    )


def feedback(time_s: float, position: float) -> tuple[float, str, dict[str, object]]:
    store = full_store()
    register_gripper_types(store)
    uuid = store.types["unique_identifier_msgs/msg/UUID"](uuid=np.zeros(16, np.uint8))
    told_ = store.types[f"{ACTION}_Feedback"](
        position=position, effort=0.0, stalled=False, reached_goal=False
    )
    return time_s, f"{ACTION}_FeedbackMessage", {"goal_id": uuid, "feedback": told_}


def test_an_actions_goals_are_the_label_and_else_its_feedback(tmp_path: Path) -> None:
    name = "/gripper/gripper_cmd/_action"
    goals = [goal(0.0, 0.04), goal(CLOSES_S, 0.0)]
    measured = [feedback(t, 0.04 if t < 1.2 else 0.02) for t in times(SECONDS, 20)]
    topics = {f"{name}/send_goal/_service_event": goals, f"{name}/feedback": measured}
    path = action_bag(tmp_path / "both", topics)
    label = {
        "topic": "/gripper/gripper_cmd",
        "type": "gripper_command",
        "open": 0.04,
        "closed": 0.0,
    }
    robot = robot_with({"joint_position": {"topic": "/leader"}, "grip": label})
    rows, result = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    due_s = (rows.due_ns - BEGIN_NS) / NS
    clear = np.abs(due_s - CLOSES_S) > 1e-3
    np.testing.assert_array_equal(rows.action[clear, 7], (due_s > CLOSES_S)[clear])
    assert result.notes == []
    del topics[f"{name}/send_goal/_service_event"]
    path = action_bag(tmp_path / "feedback", topics)
    rows, _ = extracted(path, robot, codec_for(robot), tmp_path / "more")
    clear = np.abs(due_s - 1.2) > 1e-3
    np.testing.assert_allclose(rows.action[clear, 7], 0.5 * (due_s > 1.2)[clear])


def test_a_joint_that_nobody_names_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(
        BagError, match=r"JointState, expected .* its joints at labels\.grip\.joint"
    ):
        converted(tmp_path, {"topic": "/leader"}, [])
