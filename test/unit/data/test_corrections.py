"""Bags in which an operator corrected a policy: whose turn it was, and what is learned of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arm_bags import (
    BEGIN_NS,
    LEAD_S,
    NS,
    ArmBag,
    Message,
    MessageMaker,
    conversion,
    full_store,
    pose,
    robot_file,
    write_bag,
)

from groot_ros.codecs.codec import Codec
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import verify
from groot_ros.data.datasets import writer
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import (
    ACTION,
    INTERVENTION,
    LATER_COLUMNS,
    OPERATOR,
    STAMP,
)
from groot_ros.data.playback.turns import STATE_TYPE
from groot_ros.data.review.validate import validate
from groot_ros.observation.signal_messages import FLOAT, TWIST_STAMPED

# Whose turn it is from when on, in s.
TURNS = ((0.0, "policy"), (1.5, "handover"), (2.0, "operator"), (3.5, "policy"))


def executor_state(time_s: float, control: str, **values: Any) -> Message:
    """One of /executor/state."""
    store = full_store()
    kind = store.types[STATE_TYPE]
    header = MessageMaker().header(BEGIN_NS + round(time_s * NS), "fr3_link0")
    told = {"header": header, "control": control, "activity": "executing", **values}
    blank = {"str": "", "bool": False, "int": 0, "float": 0.0}
    found = []
    for field in fields(kind):
        if field.name.isupper():
            continue
        default = np.zeros(16, np.uint8) if field.name == "activation" else None
        name = str(field.type)
        default = default if default is not None else blank.get(name, 0)
        found.append(told.get(field.name, default))
    message = kind(*found)
    assert is_dataclass(message)
    return Message(
        "/executor/state", STATE_TYPE, time_s, bytes(store.serialize_cdr(message, STATE_TYPE))
    )


def states(seconds: float, **values: Any) -> list[Message]:
    found = []
    for time_s in np.arange(0.0, seconds, 0.05):
        control = [name for since_s, name in TURNS if since_s <= time_s][-1]
        found.append(executor_state(float(time_s), control, **values))
    return found


def twists(seconds: float) -> list[Message]:
    """Of /operator/twist, which a hand on the stick sends also while the policy leads; its speed
    along y is the time."""
    maker, found = MessageMaker(), []
    for time_s in np.arange(0.0, seconds, 0.02):
        header = maker.header(BEGIN_NS + round(time_s * NS), "fr3_link0")
        linear, angular = (
            maker.new("geometry_msgs/msg/Vector3", x=0.0, y=y, z=0.5) for y in (time_s, 0.0)
        )
        twist = maker.new("geometry_msgs/msg/Twist", linear=linear, angular=angular)
        data = maker.make(TWIST_STAMPED, header=header, twist=twist)
        found.append(Message("/operator/twist", TWIST_STAMPED, float(time_s), data))
    return found


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    arm = ArmBag(seconds=5.0)
    path = tmp_path_factory.mktemp("corrected") / "bag"
    # The gripper of the device cannot be read: nothing else is lost with it.
    unreadable = Message("/operator/grip", FLOAT, 2.5, b"{}")
    messages = [*arm.messages(), *states(5.0), *twists(5.0), unreadable]
    return write_bag(path, messages, encodings={unreadable.topic: "json"})


def columns(output: Path) -> list[dict[str, np.ndarray]]:
    dataset = Dataset(output)
    return [dataset.columns(episode) for episode in dataset.episodes]


def taken_s(found: dict[str, np.ndarray]) -> np.ndarray:
    return (found[STAMP] - BEGIN_NS) / NS


def test_who_moved_the_robot_is_a_column_and_the_handover_is_left_out(
    bag: Path, tmp_path: Path
) -> None:
    report = convert(conversion(bag, tmp_path / "out"))
    assert report.exit_code == 0
    assert list(report.dropped) == ["handover between policy and operator"]
    found = columns(tmp_path / "out")
    assert len(found) == 2
    times_s = np.concatenate([taken_s(part) for part in found])
    corrected = np.concatenate([part[INTERVENTION] for part in found])
    assert corrected.any() and not corrected.all()
    np.testing.assert_array_equal(corrected, (times_s > 1.99) & (times_s < 3.49))
    raw = np.concatenate([part[OPERATOR] for part in found])
    assert raw.shape == (len(times_s), 7) and not raw[~corrected].any()
    # As it was said, without limits and integration, and at the time of the row.
    due_s = times_s[corrected]
    np.testing.assert_allclose(raw[corrected][:, 1], due_s, atol=0.05)
    np.testing.assert_array_equal(raw[corrected][:, [2, 5]], 0.5)
    assert not raw[:, 6].any()
    assert verify(bag, "sim", "ee_quat_joints", tmp_path / "out").is_equal


def test_corrections_alone_and_seconds_before_a_takeover(bag: Path, tmp_path: Path) -> None:
    convert(conversion(bag, tmp_path / "corrected", only="corrections"))
    [found] = columns(tmp_path / "corrected")
    assert found[INTERVENTION].all() and len(found[STAMP]) >= 20
    convert(conversion(bag, tmp_path / "shorter", drop_before_takeover_s=0.4))
    [first, _] = columns(tmp_path / "shorter")
    assert taken_s(first)[-1] < 1.11 and not first[INTERVENTION].any()


def test_what_was_commanded_is_learned_whatever_a_leader_says(tmp_path: Path) -> None:
    """Also where labels name a leader, which nobody held while the policy moved the arm."""
    arm = ArmBag(seconds=4.0)
    robot = robot_file(tmp_path / "led.yaml", {})
    text = Path(robot).read_text() + "labels: {ee_pose: {topic: /leader/pose}}\n"
    Path(robot).write_text(text)
    led = [
        Message(
            "/leader/pose",
            m.type_name,
            m.arrival_s,
            arm.maker.pose(arm.stamp_ns(m.arrival_s), arm.frame, pose(0.0)),
        )
        for m in arm.commands()
        if m.topic == "/target_pose"
    ]
    messages = [*arm.messages(), *led]
    for name, moved, is_governed in (
        ("governed", states(4.0), True),
        ("watched", states(4.0, dry_run=True), False),
    ):
        write_bag(tmp_path / name, [*messages, *moved])
        convert(conversion(tmp_path / name, tmp_path / f"{name}_out", robot=robot))
        found = columns(tmp_path / f"{name}_out")[0]
        wanted = [pose(t + LEAD_S if is_governed else 0.0) for t in taken_s(found)]
        np.testing.assert_allclose(found[ACTION][:, :7], wanted, atol=1e-5)


def test_a_dataset_of_before_is_added_to_as_it_is(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = writer.features

    def without(codec: Codec, fps: int, operator: Sequence[str] = ()) -> dict[str, Any]:
        return {k: v for k, v in features(codec, fps).items() if k not in LATER_COLUMNS}

    demonstrated = write_bag(tmp_path / "demonstrated", ArmBag().messages())
    with monkeypatch.context() as before:
        before.setattr(writer, "features", without)
        convert(conversion(demonstrated, tmp_path / "out"))
    assert INTERVENTION not in columns(tmp_path / "out")[0]
    report = convert(conversion([demonstrated, bag], tmp_path / "out", append=True))
    assert report.exit_code == 0 and len(columns(tmp_path / "out")) == 3
    assert not validate(tmp_path / "out").problems
