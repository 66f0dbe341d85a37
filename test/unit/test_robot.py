"""Robot files: the shipped ones load, mistakes are named."""

import copy

import pytest
import yaml

from groot_ros.errors import UserError
from groot_ros.robot.config import load_robot, parse_robot, robot_names, with_max_ages
from groot_ros.robot.kinematics import watched_points
from groot_ros.robot.urdf import load_urdf
from groot_ros.share import share_file
from groot_ros.signals.kinds import VECTOR

SIM = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())


def changed(path, value):
    """The sim file with one value replaced, or removed when the value is None."""
    values = copy.deepcopy(SIM)
    *parents, last = path.split(".")
    section = values
    for key in parents:
        section = section[key]
    if value is None:
        del section[last]
    else:
        section[last] = value
    return values


@pytest.mark.parametrize("name", ["sim", "franka", "ur5e", "so101", "xarm6", "openarm"])
def test_shipped_robots_load(name):
    robot = load_robot(name)
    assert robot.name == name
    assert robot.untested == (name != "sim")
    assert set(robot.observations.cameras) == {"exterior", "wrist"}


def test_the_shipped_robots_are_listed():
    assert robot_names() == ["aloha", "franka", "openarm", "sim", "so101", "ur5e", "xarm6"]


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("robot", None, "robot is missing, expected the robot's name"),
        ("base_frame", 3, "base_frame is 3, expected a frame name"),
        (
            "observations.ee_pose.topic",
            None,
            "observations.ee_pose.topic is missing, expected a topic",
        ),
        (
            "observations.ee_pose.topic",
            "/ee pose",
            "topic is '/ee pose', expected a topic name su",
        ),
        ("observations.ee_pose.topic", "/2nd_arm/pose", "no digit behind a slash"),
        ("observations.ee_pose.topic", "/pose/", "topic is '/pose/', expected a topic name such"),
        ("commands.ee_pose.topic", "x" * 300, "expected a topic name such as .*at most 200 char"),
        ("limits.points.tool.xyz", [0, 0, 1e300], "xyz is 1e.300, expected a number in m"),
        ("observations.joint_position.joints", "a", "joints is 'a', expected a list of names"),
        ("observations.joint_position.joints", ["a", "a"], "expected every name once"),
        ("observations.grip.closed", 0.04, "closed is 0.04 like open"),
        ("observations.grip.open", "wide", "observations.grip.open is 'wide', expected a number"),
        (
            "observations.cameras.wrist.latency",
            -1,
            "wrist.latency is -1, expected a number in s from 0",
        ),
        (
            "observations.cameras.wrist.latnecy",
            0.1,
            "latnecy is not a known key; did you mean latency",
        ),
        (
            "observations.cameras.wrist.depth_range",
            [1.5, 0.2],
            "wrist.depth_range is .1.5, 0.2., expected .NEAR, FAR. in m",
        ),
        (
            "observations.camera",
            {},
            "observations.camera is not a known key; did you mean cameras",
        ),
        ("output.profile", "servo", "expected one of pose, twist, joint_trajectory, jtc_ups"),
        ("output.rate", True, "output.rate is True, expected a number in Hz"),
        ("commands.ee_pose", None, "commands.ee_pose is missing, expected a topic because"),
        ("limits.joint_velocity", [1.0], "joint_velocity is .*, expected a list of 7 numbers"),
        ("limits.workspace", {"min": [0, 0, 0], "max": [1, 1, 0]}, "expected less than max"),
        ("limits.points.tool.link", None, "limits.points.tool.link is missing, expected a link"),
        ("limits.points.tool.xyz", [0, 1], "points.tool.xyz is .*, expected a list of 3 numbers"),
        ("limits.points.tool.min", [0, 0, 0], "limits.points.tool.max is missing"),
        ("limits.workspace", None, "limits.points.tool needs min and max, or limits.workspace"),
        ("limits.linear_velocity", 0, "expected a number in m/s above 0"),
    ],
)
def test_mistakes_are_named(path, value, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        parse_robot(changed(path, value), "mine.yaml")
    assert str(caught.value).startswith("mine.yaml: ")


def test_a_lag_is_how_far_behind_a_robot_may_be():
    lag = {"delay": 0.02, "time_constant": 0.05, "grip": 0.6}
    robot = parse_robot(changed("lag", lag), "mine.yaml")
    assert robot.lag.total_s == pytest.approx(0.07) == robot.limits.following.lag_s
    assert load_robot("sim").lag is None and load_robot("sim").limits.following.lag_s == 0.1
    values = changed("lag", lag)
    values["limits"]["following"] = {"lag": 0.2}
    assert parse_robot(values, "mine.yaml").limits.following.lag_s == 0.2
    for key, value in (("delay", -0.1), ("grip", 0), ("constant", 1)):
        with pytest.raises(UserError, match=rf"lag\.{key} is"):
            parse_robot(changed("lag", lag | {key: value}), "mine.yaml")


def test_a_robot_that_is_not_there(tmp_path):
    with pytest.raises(
        UserError, match="'panda' is neither a file nor one of aloha, franka, open"
    ):
        load_robot("panda")
    broken = tmp_path / "broken.yaml"
    broken.write_text("robot: [")
    with pytest.raises(UserError, match="broken.yaml is not valid YAML"):
        load_robot(broken)
    broken.write_text("- a list")
    with pytest.raises(UserError, match="expected a mapping"):
        load_robot(broken)


def test_points_stay_in_the_workspace_or_in_boxes_of_their_own():
    limits = load_robot("sim").limits
    boxes = {point.name: (point.low, point.high) for point in limits.points}
    assert boxes["tool"] == (limits.workspace_min, limits.workspace_max)
    assert boxes["elbow"] == ((-0.5, -0.6, 0.1), (0.6, 0.6, 0.9))


def test_a_point_on_an_unknown_link_gets_the_nearest_name():
    robot = parse_robot(changed("limits.points.tool.link", "fr3_hand_tpc"), "mine.yaml")
    with pytest.raises(UserError, match=r"limits.points.tool.link names 'fr3_hand_tpc'.*_tcp\?"):
        watched_points(robot, load_urdf(robot.urdf))
    robot = parse_robot(changed("base_frame", "world"), "mine.yaml")
    with pytest.raises(UserError, match="base_frame names 'world', which the URDF does not have"):
        watched_points(robot, load_urdf(robot.urdf))


def test_a_description_beside_the_robot_file_is_found(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(changed("urdf", "arm.urdf")))
    (tmp_path / "arm.urdf").write_text(share_file("urdf/sim_arm.urdf").read_text())
    assert load_urdf(load_robot(path).urdf).links


def test_own_robot_file_by_path(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(changed("robot", "mine")))
    assert load_robot(path).name == "mine"


def test_closure_is_clipped_and_follows_open_and_closed():
    grip = load_robot("sim").observations.grip
    assert [grip.closure(raw) for raw in (0.05, 0.04, 0.02, 0.0, -0.1)] == [0, 0, 0.5, 1, 1]
    command = load_robot("so101").commands.grip
    assert command.raw(0.0) == 1.745
    assert command.raw(1.0) == pytest.approx(-0.175)


def test_max_ages_can_be_overridden():
    aged = with_max_ages(load_robot("sim"), state_s=0.0, camera_s=1.5)
    assert aged.observations.cameras["wrist"].max_age_s == 1.5
    assert aged.observations.ee_pose.max_age_s == 0.2


def with_signals(**signals):
    return {**copy.deepcopy(SIM), "signals": signals}


def test_other_signals_are_observed_beside_those_of_the_arm():
    robot = parse_robot(
        with_signals(
            wrench={"topic": "/ft_sensor/wrench"},
            torque={"topic": "/joint_states", "type": "effort", "joints": ["fr3_joint1"]},
            touch={"topic": "/tactile", "type": "array", "names": ["left", "right"]},
        ),
        "sim",
    )
    streams = robot.observations
    assert list(streams.signals) == [*streams.arm, "wrench", "torque", "touch"]
    assert streams.spec("wrench").kind == VECTOR
    assert streams.spec("wrench").columns[:3] == ("force_x", "force_y", "force_z")
    assert streams.spec("torque").columns == ("fr3_joint1",)
    assert streams.vectors["touch"].time.clock == "arrival"
    aged = with_max_ages(robot, 0.5, 0.0)
    assert {stream.max_age_s for stream in aged.observations.signals.values()} == {0.5}


@pytest.mark.parametrize(
    ("signals", "sentence"),
    [
        ({"grip": {"topic": "/a"}}, "signals.grip is the name of another stream"),
        ({"wrist": {"topic": "/a"}}, "signals.wrist is the name of another stream"),
        (
            {"w": {"topic": "/a", "type": "wrench", "names": ["x"]}},
            "signals.w.names is not a",
        ),
        ({"w": {"topic": "/a", "type": "array"}}, "signals.w.names is missing"),
        ({"w": {"topic": "/a", "type": "effort"}}, "signals.w.joints is missing"),
        ({"w": {"topic": "/a", "type": "torque"}}, "expected one of wrench, twist, effort"),
        ({"w": {"topic": "/a", "type": "array", "names": ["x"], "clock": "header"}}, "no time"),
    ],
)
def test_mistakes_in_other_signals_are_named(signals, sentence):
    with pytest.raises(UserError, match=sentence):
        parse_robot(with_signals(**signals), "sim")


def led(labels=None, output=None, keep=()):
    """The sim file with labels and an output in place of commands."""
    values = copy.deepcopy(SIM)
    values["commands"] = {key: values["commands"][key] for key in keep}
    values["labels"] = labels or {}
    values["output"] = {"profile": "joint_trajectory", "topic": "/jtc", "rate": 100} | (
        output or {}
    )
    return values


def test_labels_and_output_are_apart_and_commands_mean_both():
    robot = parse_robot(led({"joint_position": {"topic": "/leader"}}, keep=["grip"]), "sim")
    assert robot.commands.joint_position == "/jtc" and robot.commands.grip.topic
    assert robot.labels["joint_position"].topic == "/leader"
    assert robot.labels["grip"].topic == robot.commands.grip.topic
    assert "ee_pose" not in robot.labels
    robot = parse_robot(
        led(output={"grip": {"topic": "/grip", "open": 1.0, "closed": 0.0}}), "sim"
    )
    assert robot.commands.grip.raw(0.25) == 0.75 and robot.labels == {}
    so101 = load_robot("so101")
    assert so101.labels["joint_position"].topic == "/leader/joint_states"
    assert so101.commands.joint_position == "/follower/trajectory_controller/joint_trajectory"


JOINTS = SIM["observations"]["joint_position"]["joints"]


@pytest.mark.parametrize(
    ("labels", "output", "sentence"),
    [
        ({"joint_position": {}}, {}, "labels.joint_position.topic is missing"),
        ({"joint_positon": {"topic": "/x"}}, {}, "labels.joint_positon is not a known key; did"),
        (
            {"joint_position": {"topic": "/x", "joints": JOINTS[:6]}},
            {},
            "labels.joint_position.joints has 6 names, expected 7, one for each of fr3_joint1",
        ),
        (
            {"joint_position": {"topic": "/x", "type": "trajektory"}},
            {},
            "labels.joint_position.type is 'trajektory', expected .*did you mean trajectory",
        ),
        ({"grip": {"topic": "/x", "type": "joint_state"}}, {}, "labels.grip.joint is missing"),
        ({"grip": {"topic": "/x", "open": 1, "closed": 1}}, {}, "labels.grip.closed is 1 like"),
        ({"ee_pose": {"topic": "/x", "scale": [1]}}, {}, "labels.ee_pose.scale is .*2 numbers"),
        ({}, {"topic": None}, "output.topic is missing, expected a topic because output.profile"),
    ],
)
def test_mistakes_in_labels_and_output_are_named(labels, output, sentence):
    values = led(labels, output)
    if output:
        del values["commands"]
    with pytest.raises(UserError, match=sentence):
        parse_robot(values, "sim.yaml")


def test_a_topic_is_said_in_one_place():
    with pytest.raises(UserError, match="output.topic is /jtc, but commands.joint_position is"):
        parse_robot(led(keep=["joint_position"]), "sim.yaml")
    with pytest.raises(UserError, match="output.grip is there and commands.grip too"):
        parse_robot(led(output={"grip": {"topic": "/x"}}, keep=["grip"]), "sim.yaml")


def test_a_gripper_in_the_arms_own_messages_fits_its_profile():
    grip = {"type": "array", "index": 7, "open": 0.04, "closed": 0.0}
    values = led(output={"profile": "joint_stream", "grip": grip})
    robot = parse_robot(values, "sim.yaml")
    assert robot.commands.grip.is_of_arm and robot.commands.grip.index == 7
    grip["index"] = 3
    with pytest.raises(UserError, match="output.grip.index is 3, expected 0, before .* or 7"):
        parse_robot(values, "sim.yaml")
    grip["index"] = 0
    values["output"]["profile"] = "joint_trajectory"
    with pytest.raises(UserError, match="output.grip.type is array without a topic of its own"):
        parse_robot(values, "sim.yaml")
    commands = {"joint_position": {"topic": "/fwd/commands"}, "grip": grip}
    values = {**changed("output.profile", "joint_stream"), "commands": commands}
    labels = parse_robot(values, "sim.yaml").labels
    assert (labels["joint_position"].index, labels["grip"].index) == (1, 0)
    assert labels["grip"].topic == "/fwd/commands"


def test_the_clock_and_the_place_of_a_gripper_in_messages_of_its_own():
    grip = {"topic": "/jtc", "type": "trajectory", "joint": "g", "open": 0.04, "closed": 0.0}
    time = parse_robot(changed("commands.grip", grip), "sim.yaml").commands.grip.time
    assert time.clock == "header"
    for clock in ("header", "arrival"):
        values = changed("commands.grip", {**grip, "clock": clock})
        assert parse_robot(values, "sim.yaml").commands.grip.time.clock == clock
    grip = {"topic": "/grip", "type": "array", "index": 1, "open": 0.04, "closed": 0.0}
    with pytest.raises(UserError, match="commands.grip.index is there beside topic, expected one"):
        parse_robot(changed("commands.grip", grip), "sim.yaml")
