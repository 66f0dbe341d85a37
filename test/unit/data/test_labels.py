"""What demonstrators command, by leaders, trajectories and arrays, to the rows of a dataset."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from arm_bags import BEGIN_NS, JOINTS, ArmBag, Message, conversion, joints, times, write_bag
from label_bags import (
    LEADER,
    LEADER_JOINTS,
    array,
    codec_for,
    extracted,
    observed,
    robot_values,
    robot_with,
    trajectory,
)

from groot_ros.data.bags.storage import BagError
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import verify
from groot_ros.data.review.inspection import describe_bag
from groot_ros.data.review.validate import validate
from groot_ros.observation.fields import NS
from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.observation.signal_messages import FLOATS, JOINT_STATE
from groot_ros.robot.config import parse_robot

SECONDS = 2.0
TOPIC = "/jtc/joint_trajectory"


def leader_grip(time_s: float) -> float:
    """The leader's own gripper, 0.06 rad open and -0.02 rad closed."""
    return 0.06 - 0.08 * float(np.clip(time_s - 0.5, 0.0, 1.0))


def leader(
    arm: ArmBag,
    hz: float = 40.0,
    names: tuple[str, ...] = LEADER_JOINTS,
    change: Callable[[float, dict[str, float]], dict[str, float]] = lambda _, found: found,
    offset_s: float = 0.0,
) -> list[Message]:
    """A leader arm at a rate of its own, its joints in another order than the arm's."""
    found = []
    for time_s in times(SECONDS, hz):
        by_name = dict(zip(names, joints(time_s + 0.1).tolist(), strict=True))
        shuffled = {"leader_gripper": leader_grip(time_s)} | dict(sorted(by_name.items())[::-1])
        data = arm.maker.joint_state(
            arm.stamp_ns(time_s + offset_s) if offset_s >= 0 else 0, change(time_s, shuffled)
        )
        found.append(Message(LEADER, JOINT_STATE, time_s + 0.003, data))
    return found


LABELS = {
    "joint_position": {"topic": LEADER, "joints": list(LEADER_JOINTS)},
    "grip": {"topic": LEADER, "joint": "leader_gripper", "open": 0.06, "closed": -0.02},
}


def due_s(rows) -> np.ndarray:
    return (rows.due_ns - BEGIN_NS) / NS


def test_a_leader_arm_teaches_its_joints_by_name_in_degrees_at_the_steps_times(
    tmp_path: Path,
) -> None:
    arm = ArmBag(seconds=SECONDS)
    path = write_bag(tmp_path / "bag", [*observed(arm), *leader(arm)])
    robot = robot_with(LABELS)
    codec = codec_for(robot, unit="deg", affine={"scale": [-1, 1, 1, 1, 1, 1, 2], "offset": 5})
    rows, result = extracted(path, robot, codec, tmp_path / "rows")
    assert len(rows) > 20
    wanted = np.rad2deg([joints(t + 0.1) for t in due_s(rows)])
    wanted = wanted * [-1, 1, 1, 1, 1, 1, 2] + 5
    np.testing.assert_allclose(rows.action[:, :7], wanted, atol=1e-4)
    # The newest command of the gripper holds: at most one message of 40 Hz late.
    closures = [np.clip(t - 0.5, 0.0, 1.0) for t in due_s(rows)]
    np.testing.assert_allclose(rows.action[:, 7], closures, atol=0.026)
    assert result.health[LEADER]["rate_hz"] == pytest.approx(40, rel=0.02)
    assert result.notes == []


def test_a_dataset_of_a_leader_arm_is_valid_and_equals_the_live_path(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    write_bag(tmp_path / "bag", [*observed(arm), *leader(arm)])
    robot = tmp_path / "mine.yaml"
    robot.write_text(yaml.safe_dump(robot_values(LABELS)))
    changes = {"codec": "joints_rel", "robot": str(robot)}
    report = convert(conversion(tmp_path / "bag", tmp_path / "out", **changes))
    assert report.exit_code == 0 and validate(tmp_path / "out").problems == []
    assert verify(tmp_path / "bag", str(robot), "joints_rel", tmp_path / "out").is_equal
    # Relative to the observed joints, which the leader is 0.1 s * 0.05 rad/s ahead of.
    statistics = yaml.safe_load((tmp_path / "out/meta/relative_stats.json").read_text())
    first = np.array(statistics["joint_position"]["mean"])[0]
    np.testing.assert_allclose(first, 0.005, atol=0.002)


def test_a_joint_that_the_leader_does_not_have_is_named(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    path = write_bag(tmp_path / "bag", [*observed(arm), *leader(arm, names=JOINTS)])
    robot = robot_with({"joint_position": LABELS["joint_position"], "grip": LABELS["grip"]})
    with pytest.raises(BagError) as raised:
        extracted(path, robot, codec_for(robot), tmp_path / "rows")
    sentence = str(raised.value)
    assert f"{LEADER} has no joint leader_1 or" in sentence and "fr3_joint7" in sentence
    assert "at labels.joint_position.joints of the robot file" in sentence
    near = dict(LABELS, grip={**LABELS["grip"], "joint": "leader_griper"})
    robot = robot_with(near)
    path = write_bag(tmp_path / "near", [*observed(arm), *leader(arm)])
    with pytest.raises(BagError, match="did you mean leader_gripper[?]"):
        extracted(path, robot, codec_for(robot), tmp_path / "near_rows")


def test_joints_that_come_apart_and_messages_of_others_make_one_label(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)

    def apart(time_s: float, found: dict[str, float]) -> dict[str, float]:
        part = round(time_s * 40) % 3
        if part == 2:
            return {"somebody_else": 1.0, "leader_gripper": found["leader_gripper"]}
        return {n: v for n, v in found.items() if n in LEADER_JOINTS[part::2]}

    path = write_bag(tmp_path / "bag", [*observed(arm), *leader(arm, change=apart)])
    robot = robot_with(LABELS)
    rows, _ = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    wanted = [joints(t + 0.1) for t in due_s(rows)]
    # 0.05 rad/s, each joint every 75 ms.
    np.testing.assert_allclose(rows.action[:, :7], wanted, atol=0.005)


def test_bad_messages_of_a_leader_cost_their_steps_and_are_told(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)

    def broken(time_s: float, found: dict[str, float]) -> dict[str, float]:
        return {**found, "leader_3": math.nan} if 0.1 <= time_s <= 0.3 else found

    path = write_bag(tmp_path / "bag", [*observed(arm), *leader(arm, change=broken)])
    robot = robot_with(LABELS)
    _, result = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    assert f"9 commands on {LEADER} are not finite and were left out" in result.notes
    assert "joint_position: the command on /leader/joint_states is not" in str(result.dropped)


def test_stamps_of_zero_count_by_arrival_and_another_clock_is_refused(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    robot = robot_with(LABELS)
    path = write_bag(tmp_path / "zero", [*observed(arm), *leader(arm, offset_s=-1.0)])
    rows, result = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    wanted = [joints(t + 0.1 - 0.003) for t in due_s(rows)]
    np.testing.assert_allclose(rows.action[:, :7], wanted, atol=1e-5)
    assert any("carry no time, and count by their arrival" in note for note in result.notes)
    path = write_bag(tmp_path / "other", [*observed(arm), *leader(arm, offset_s=5.0)])
    with pytest.raises(BagError, match="labels.joint_position of the robot file"):
        extracted(path, robot, codec_for(robot), tmp_path / "other_rows")


def commanded(arm: ArmBag, hz: float, make: Callable[[float], bytes], kind: str) -> list[Message]:
    return [Message(TOPIC, kind, t + 0.002, make(t)) for t in times(SECONDS, hz)]


JOINT_LABEL = {"joint_position": {"topic": TOPIC}, "grip": {"type": "reached"}}


@pytest.mark.parametrize("is_stamped", [True, False])
def test_a_trajectory_is_sampled_at_the_steps_times_until_a_newer_one(
    tmp_path: Path, is_stamped: bool
) -> None:
    arm = ArmBag(seconds=SECONDS)

    def plan(time_s: float) -> bytes:
        # Every other one in another order; the points are further ahead than the next one.
        names = list(JOINTS) if round(time_s * 5) % 2 else list(JOINTS)[::-1]
        points = []
        for ahead_s in (0.0, 0.3, 1.5):
            positions = joints(time_s + ahead_s + 0.1)
            points.append((ahead_s, positions if names[0] == JOINTS[0] else positions[::-1]))
        return trajectory(arm.maker, arm.stamp_ns(time_s) if is_stamped else 0, names, points)

    path = write_bag(tmp_path / "bag", [*observed(arm), *commanded(arm, 5, plan, TRAJECTORY)])
    robot = robot_with(JOINT_LABEL)
    rows, _ = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    late_s = 0.0 if is_stamped else 0.002
    wanted = [joints(t + 0.1 - late_s) for t in due_s(rows)]
    np.testing.assert_allclose(rows.action[:, :7], wanted, atol=1e-5)


def test_a_joint_that_a_trajectory_leaves_out_stays_and_nonsense_is_left_out(
    tmp_path: Path,
) -> None:
    arm, maker = ArmBag(seconds=SECONDS), ArmBag().maker
    home = np.arange(7) * 0.1

    def at(time_s: float, names: list[str], points: list[tuple[float, list[float]]]) -> Message:
        data = trajectory(maker, arm.stamp_ns(time_s), names, points)
        return Message(TOPIC, TRAJECTORY, time_s + 0.001, data)

    messages = [
        at(0.0, list(JOINTS), [(0.0, home.tolist())]),
        # From 0.5 s on joint 2 goes to 1 rad within a second, the others stay.
        at(0.5, [JOINTS[1]], [(1.0, [1.0])]),
        at(1.8, list(JOINTS), []),
        at(1.82, list(JOINTS), [(0.1, home.tolist()), (0.1, home.tolist())]),
        at(1.84, list(JOINTS), [(0.1, home[:3].tolist())]),
    ]
    path = write_bag(tmp_path / "bag", [*observed(arm), *messages])
    robot = robot_with(JOINT_LABEL)
    rows, result = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    wanted = np.tile(home, (len(rows), 1))
    wanted[:, 1] = np.interp(due_s(rows), [0.5, 1.5], [0.1, 1.0])
    np.testing.assert_allclose(rows.action[:, :7], wanted, atol=1e-5)
    notes = " ".join(result.notes)
    for reason in ("without points", "whose times do not increase"):
        assert f"1 commands on {TOPIC} are trajectories {reason}" in notes
    assert f"1 commands on {TOPIC} have more names than positions" in notes


def test_the_first_trajectory_leads_from_where_the_arm_was_measured(tmp_path: Path) -> None:
    arm, home = ArmBag(seconds=SECONDS), np.ones(7)
    data = trajectory(arm.maker, arm.stamp_ns(0.2), JOINTS, [(1.5, home.tolist())])
    messages = [Message(TOPIC, TRAJECTORY, 0.201, data)]
    path = write_bag(tmp_path / "bag", [*observed(arm), *messages])
    robot = robot_with(JOINT_LABEL)
    for name in ("joints", "joints_rel"):
        rows, _ = extracted(path, robot, codec_for(robot, name), tmp_path / name)
        share = np.clip((due_s(rows) - 0.2) / 1.5, 0.0, 1.0)[:, None]
        wanted = joints(0.2) + share * (home - joints(0.2))
        assert share.min() < 0.1 and len(rows) > 15
        np.testing.assert_allclose(rows.action[:, :7], wanted, atol=1e-3)


def test_arrays_are_in_the_arms_order_and_of_its_size(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)

    def of(count: int) -> list[Message]:
        return commanded(
            arm, 30, lambda t: array(arm.maker, [*joints(t + 0.1), *range(count)]), FLOATS
        )

    path = write_bag(tmp_path / "bag", [*observed(arm), *of(0)])
    robot = robot_with(JOINT_LABEL)
    rows, _ = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    wanted = [joints(t + 0.1 - 0.002) for t in due_s(rows)]
    np.testing.assert_allclose(rows.action[:, :7], wanted, atol=1e-5)
    longer = write_bag(tmp_path / "longer", [*observed(arm), *of(1)])
    with pytest.raises(BagError, match=r"8 numbers, expected 7 .*labels\.joint_position\.index"):
        extracted(longer, robot, codec_for(robot), tmp_path / "longer_rows")
    robot = robot_with({**JOINT_LABEL, "joint_position": {"topic": TOPIC, "index": 0}})
    rows, _ = extracted(longer, robot, codec_for(robot), tmp_path / "indexed")
    np.testing.assert_allclose(rows.action[:, :7], wanted, atol=1e-5)
    robot = robot_with({**JOINT_LABEL, "joint_position": {"topic": TOPIC, "index": 2}})
    with pytest.raises(BagError, match="8 numbers, expected at least 9"):
        extracted(longer, robot, codec_for(robot), tmp_path / "shorter")


def test_an_array_that_moves_the_arm_is_sent_to_a_key_that_is_known(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    messages = commanded(arm, 30, lambda t: array(arm.maker, [*joints(t), 0.0]), FLOATS)
    path = write_bag(tmp_path / "bag", [*observed(arm), *messages])
    values = robot_values({"grip": {"type": "reached"}})
    del values["output"]["topic"]
    values["commands"] = {"joint_position": {"topic": TOPIC}}
    robot = parse_robot(values, "mine.yaml")
    with pytest.raises(BagError, match=r"8 numbers, expected 7 .*labels\.joint_position\.index"):
        extracted(path, robot, codec_for(robot), tmp_path / "rows")


def test_one_array_that_is_too_short_costs_its_steps_alone(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    messages = commanded(
        arm,
        30,
        lambda t: array(arm.maker, joints(t + 0.1)[: 3 if t == 0.2 else 7].tolist()),
        FLOATS,
    )
    path = write_bag(tmp_path / "bag", [*observed(arm), *messages])
    robot = robot_with(JOINT_LABEL)
    _, result = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    assert 1 <= sum(result.dropped.values()) <= 4
    [note] = result.notes
    assert note.startswith(f"1 commands on {TOPIC} cannot be used (messages have 3 numbers")


def test_inspect_says_which_labels_a_bag_lacks(tmp_path: Path) -> None:
    arm = ArmBag(seconds=0.5)
    write_bag(tmp_path / "bag", [*observed(arm), *leader(arm)])
    robot = tmp_path / "mine.yaml"
    robot.write_text(yaml.safe_dump(robot_values(LABELS)))
    assert describe_bag(tmp_path / "bag", str(robot))["problems"] == []
    near = {**LABELS, "grip": {**LABELS["grip"], "joint": "leader_griper"}}
    robot.write_text(yaml.safe_dump(robot_values(near)))
    [problem] = describe_bag(tmp_path / "bag", str(robot))["problems"]
    assert problem.startswith(f"labels.grip: {LEADER} has no joint leader_griper, only leader")
    robot.write_text(yaml.safe_dump(robot_values(JOINT_LABEL)))
    [problem] = describe_bag(tmp_path / "bag", str(robot))["problems"]
    assert problem == f"labels.joint_position: topic {TOPIC} is not in the bag"


def test_trajectories_of_other_joints_or_without_points_say_why_there_is_nothing(
    tmp_path: Path,
) -> None:
    arm = ArmBag(seconds=SECONDS)
    robot = robot_with(JOINT_LABEL)

    def of(names: list[str], points: list[tuple[float, list[float]]]) -> list[Message]:
        def make(time_s: float) -> bytes:
            return trajectory(arm.maker, arm.stamp_ns(time_s), names, points)

        return commanded(arm, 10, make, TRAJECTORY)

    path = write_bag(tmp_path / "empty", [*observed(arm), *of(list(JOINTS), [])])
    with pytest.raises(BagError, match=f"commands on {TOPIC} are trajectories without points"):
        extracted(path, robot, codec_for(robot), tmp_path / "empty_rows")
    path = write_bag(tmp_path / "few", [*observed(arm), *of(list(JOINTS[:6]), [(0.1, [0.0] * 6)])])
    with pytest.raises(BagError, match=f"{TOPIC} has no joint fr3_joint7, only fr3_joint1, "):
        extracted(path, robot, codec_for(robot), tmp_path / "few_rows")


def test_a_gripper_that_is_commanded_in_another_unit_is_told(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    far = arm.maker.float64(128.0)
    messages = [replace(m, data=far) if "gripper" in m.topic else m for m in arm.messages()]
    report = convert(conversion(write_bag(tmp_path / "bag", messages), tmp_path / "out"))
    [note] = report.notes
    assert "commands on /gripper/command are up to 255 times as far" in note
    assert "`closed` at commands.grip of the robot file" in note


def test_a_leader_that_stands_still_while_the_arm_moves_is_told(tmp_path: Path) -> None:
    arm = ArmBag(seconds=SECONDS)
    still = [m for m in leader(arm) if m.arrival_s < 0.5]
    path = write_bag(tmp_path / "bag", [*observed(arm), *still])
    robot = robot_with(LABELS)
    _, result = extracted(path, robot, codec_for(robot), tmp_path / "rows")
    [note] = result.notes
    assert note.startswith("commands of joint_position stay the same for 1.")
