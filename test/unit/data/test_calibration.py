"""Latencies, lag and closing times against those that a simulation and a fake arm were given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from arm_bags import BEGIN_NS, JOINTS, NS, ArmBag, Message, write_bag
from label_bags import trajectory

from groot_ros.calibration.calibrate import Calibration, calibrate
from groot_ros.calibration.recording import CalibrationRecording, read_recording
from groot_ros.cli.main import main
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.playback.signals import Signal
from groot_ros.errors import UserError
from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.observation.signal_messages import FLOAT, FLOATS, JOINT_STATE, POSE
from groot_ros.robot.config import RobotConfig, load_robot, parse_robot
from groot_ros.robot.lag import Lag
from groot_ros.robot.limits import Limits
from groot_ros.share import share_file
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.control import RESPONSE_TIME_S
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.fake.arm import ArmState, FakeArm
from groot_ros.sim.fake.joint_path import JointPath
from groot_ros.sim.scene import FINGER_OPEN_M
from groot_ros.sim.simulation import FINGER_SPEED_M_S, SimConfig, Simulation
from groot_ros.sim.tasks import Task

CAMERA_S, STATE_S = 0.047, 0.012
OPTIONS = BagOptions(camera_latency_s=CAMERA_S, state_latency_s=STATE_S)
# Half of what a picture of 30 Hz lasts is 17 ms.
WITHIN_S = 0.005
STATES = ("joint_position", "ee_pose", "grip")


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Demonstrations of the scripted expert, pictures and states arriving late."""
    folder = tmp_path_factory.mktemp("demonstrations")
    simulation = Simulation(SimConfig(image_width=128, image_height=96))
    for seed in range(3):
        simulation.reset(seed, Task("pick", "red"))
        record_episode(folder / f"{seed}", ScriptedPolicy(), simulation, OPTIONS)
    simulation.close()
    return folder


@pytest.fixture(scope="module")
def recordings(bags: Path) -> list[CalibrationRecording]:
    """What they say by their stamps."""
    return [read_recording(path, load_robot("sim")) for path in sorted(bags.iterdir())]


def robot_values(cameras: str, states: str) -> dict[str, Any]:
    """The simulated arm with clocks of its streams."""
    values: dict[str, Any] = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    for camera in values["observations"]["cameras"].values():
        camera["clock"] = cameras
    for state in STATES:
        values["observations"][state]["clock"] = states
    return values


def calibrated(bags: Path, robot: RobotConfig) -> Calibration:
    return calibrate(robot, [read_recording(path, robot) for path in sorted(bags.iterdir())])


def found(calibration: Calibration, key: str) -> float:
    """An estimate in s; its interval is narrow and not far off."""
    row = next(row for row in calibration.rows if row.key == key)
    assert row.estimate, row.note
    estimate = row.estimate
    assert estimate.low_s <= estimate.value_s <= estimate.high_s < estimate.low_s + 0.03
    return estimate.value_s


@pytest.mark.parametrize(
    ("cameras", "states", "camera_s", "state_s"),
    [
        # Stamps say when pictures and states were taken: nothing is to be taken off.
        ("header", "header", 0.0, 0.0),
        ("arrival", "arrival", CAMERA_S, STATE_S),
    ],
)
def test_latencies_of_a_simulation_are_found(
    bags: Path, cameras: str, states: str, camera_s: float, state_s: float
) -> None:
    robot = parse_robot(robot_values(cameras, states), "sim.yaml")
    calibration = calibrated(bags, robot)
    for camera in ("exterior", "wrist"):
        latency_s = found(calibration, f"observations.cameras.{camera}.latency")
        assert latency_s == pytest.approx(camera_s, abs=WITHIN_S)
    for state in STATES:
        latency_s = found(calibration, f"observations.{state}.latency")
        assert latency_s == pytest.approx(state_s, abs=0.002)
    delay_s, constant_s = found(calibration, "lag.delay"), found(calibration, "lag.time_constant")
    # The reference closes in with this time constant; servos and control period add a little.
    assert delay_s + constant_s == pytest.approx(RESPONSE_TIME_S + 0.005, abs=WITHIN_S)
    stroke_s = FINGER_OPEN_M / FINGER_SPEED_M_S
    assert found(calibration, "lag.grip") == pytest.approx(stroke_s, rel=0.05)


def test_without_a_measured_pose_the_joints_and_the_urdf_say_where_the_hand_is(
    bags: Path,
) -> None:
    values = robot_values("arrival", "header")
    del values["observations"]["ee_pose"]
    values["output"]["profile"] = "joint_trajectory"
    calibration = calibrated(bags, parse_robot(values, "sim.yaml"))
    for camera in ("exterior", "wrist"):
        latency_s = found(calibration, f"observations.cameras.{camera}.latency")
        assert latency_s == pytest.approx(CAMERA_S, abs=WITHIN_S)
    row = next(row for row in calibration.rows if row.key == "lag.delay")
    assert row.estimate is None and "no bag holds joint_position as commanded" in row.note


def test_states_that_are_late_in_their_own_stamps_are_noticed_by_the_pictures(
    recordings: list[CalibrationRecording],
) -> None:
    late = [_shifted(recording, 0.03) for recording in recordings]
    calibration = calibrate(load_robot("sim"), late)
    assert found(calibration, "observations.ee_pose.latency") == pytest.approx(0.03, abs=WITHIN_S)
    note = next(row.note for row in calibration.rows if row.name == "ee_pose")
    assert "would show the future" in note
    cameras = [
        found(calibration, f"observations.cameras.{c}.latency") for c in ("exterior", "wrist")
    ]
    assert min(cameras) == 0.0
    delay_s, constant_s = found(calibration, "lag.delay"), found(calibration, "lag.time_constant")
    assert delay_s + constant_s == pytest.approx(RESPONSE_TIME_S + 0.005, abs=2 * WITHIN_S)


def _shifted(recording: CalibrationRecording, by_s: float) -> CalibrationRecording:
    def later(signal: Signal) -> Signal:
        return replace(signal, times_ns=signal.times_ns + round(by_s * NS))

    states = {name: later(signal) for name, signal in recording.states.items()}
    return replace(recording, states=states)


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_camera_that_sees_nothing_move_gives_no_number(
    recordings: list[CalibrationRecording], noise: float
) -> None:
    rng = np.random.default_rng(0)

    def blind(recording: CalibrationRecording) -> CalibrationRecording:
        seen = recording.changes["wrist"]
        noisy = replace(seen, values=np.abs(noise * rng.normal(size=len(seen))))
        return replace(recording, changes={**recording.changes, "wrist": noisy})

    calibration = calibrate(load_robot("sim"), [blind(recording) for recording in recordings])
    row = next(row for row in calibration.rows if row.name == "camera wrist")
    assert row.estimate is None
    assert "the picture of wrist hardly changes" in row.note
    assert row.key not in calibration.settings
    assert abs(found(calibration, "observations.cameras.exterior.latency")) < WITHIN_S


def fake_arm_bag(path: Path, lag: Lag, seed: int) -> Path:
    """A fake arm at 100 Hz that follows commands of 30 Hz and closes its gripper."""
    robot = replace(load_robot("sim"), lag=lag, limits=Limits())
    rng = np.random.default_rng(seed)
    home = np.array([0.45, 0.0, 0.35, 0.0, 1.0, 0.0, 0.0])
    phases, rates = rng.uniform(0, 6.3, 3), rng.uniform(2.0, 4.0, 3)
    arm, maker, messages = FakeArm(robot, ArmState(None, home), BEGIN_NS), MessageMaker(), []
    for tick in range(700):
        time_s = tick / 100
        time_ns = BEGIN_NS + tick * NS // 100
        arm.advance(time_ns)
        assert arm.pose is not None
        pose = maker.pose(time_ns, robot.base_frame, arm.pose)
        fingers = maker.joint_state(time_ns, {"fr3_finger_joint1": 0.04 * (1 - arm.grip)})
        messages += [Message("/ee_pose", POSE, time_s, pose)]
        messages += [Message("/joint_states", JOINT_STATE, time_s, fingers)]
        if tick % 3 == 0:
            wanted = home.copy()
            wanted[:3] += 0.08 * np.sin(rates * time_s + phases) * min(1.0, time_s)
            arm.follow_pose(wanted)
            command = maker.pose(time_ns, robot.base_frame, wanted)
            messages.append(Message("/target_pose", POSE, time_s, command))
            closure = float(int(time_s / 1.5) % 2)
            arm.follow_grip(closure)
            messages.append(Message("/gripper/command", FLOAT, time_s, maker.float64(closure)))
    return write_bag(path, messages)


@pytest.mark.parametrize(
    "lag",
    [
        Lag(delay_s=0.0, time_constant_s=0.12, grip_s=0.4),
        Lag(delay_s=0.12, time_constant_s=0.03, grip_s=0.9),
    ],
)
def test_the_lag_of_a_fake_arm_is_found_and_makes_the_same_arm(tmp_path: Path, lag: Lag) -> None:
    for seed in range(2):
        fake_arm_bag(tmp_path / "bags" / f"{seed}", lag, seed)
    calibration = calibrated(tmp_path / "bags", load_robot("sim"))
    assert found(calibration, "lag.delay") == pytest.approx(lag.delay_s, abs=WITHIN_S)
    constant_s = found(calibration, "lag.time_constant")
    assert constant_s == pytest.approx(lag.time_constant_s, abs=WITHIN_S)
    assert found(calibration, "lag.grip") == pytest.approx(lag.grip_s, rel=0.03)
    # Nothing else was recorded.
    row = next(row for row in calibration.rows if row.name == "camera wrist")
    assert row.estimate is None and "no bag holds pictures of wrist" in row.note


def joint_trajectory(maker: MessageMaker, time_ns: int, path: JointPath) -> bytes:
    points = [
        maker.new(
            "trajectory_msgs/msg/JointTrajectoryPoint",
            positions=positions,
            velocities=np.zeros(0),
            accelerations=np.zeros(0),
            effort=np.zeros(0),
            time_from_start=maker.new(
                "builtin_interfaces/msg/Duration", sec=0, nanosec=round(time_s * NS)
            ),
        )
        for time_s, positions in zip(path.times_s, path.positions, strict=True)
    ]
    header = maker.header(time_ns, "")
    return maker.make(TRAJECTORY, header=header, joint_names=list(JOINTS), points=points)


@pytest.mark.parametrize("type_name", [TRAJECTORY, FLOATS, JOINT_STATE])
def test_the_lag_of_an_arm_whose_joints_are_commanded(tmp_path: Path, type_name: str) -> None:
    lag, maker, messages = Lag(delay_s=0.05, time_constant_s=0.08), MessageMaker(), []
    robot = replace(load_robot("sim"), lag=lag, limits=Limits())
    home, rng = np.linspace(0.1, 0.7, 7), np.random.default_rng(0)
    rates = rng.uniform(2.0, 4.0, 7)
    arm = FakeArm(robot, ArmState(home, None), BEGIN_NS)
    for tick in range(1000):
        time_s, time_ns = tick / 100, BEGIN_NS + tick * NS // 100
        # It goes by where a trajectory is at the end of a step.
        for before_ms in (8, 6, 4, 2, 0):
            arm.advance(time_ns - before_ms * NS // 1000)
        assert arm.joints is not None
        names = dict(zip(JOINTS, arm.joints.tolist(), strict=True))
        messages.append(
            Message("/joint_states", JOINT_STATE, time_s, maker.joint_state(time_ns, names))
        )
        if tick % 10:
            continue
        ahead_s = np.array([0.05, 0.1, 0.2])
        swing = np.sin((time_s + ahead_s)[:, None] * rates)
        path = JointPath(ahead_s, home + 0.2 * min(1.0, time_s) * swing, None)
        if type_name == TRAJECTORY:
            arm.follow_path(path, time_ns)
            data = joint_trajectory(maker, time_ns, path)
        else:
            arm.follow_joints(path.positions[0])
            wanted = dict(zip(JOINTS, path.positions[0].tolist(), strict=True))
            layout = maker.new("std_msgs/msg/MultiArrayLayout", dim=[], data_offset=0)
            data = maker.make(FLOATS, layout=layout, data=path.positions[0])
            if type_name == JOINT_STATE:
                data = maker.joint_state(time_ns, wanted)
        messages.append(Message("/joint_trajectory", type_name, time_s, data))
    write_bag(tmp_path / "bags" / "one", messages)
    calibration = calibrated(tmp_path / "bags", load_robot("sim"))
    assert found(calibration, "lag.delay") == pytest.approx(lag.delay_s, abs=WITHIN_S)
    constant_s = found(calibration, "lag.time_constant")
    assert constant_s == pytest.approx(lag.time_constant_s, abs=WITHIN_S)


def test_the_command_writes_a_robot_file_that_says_what_was_found(
    bags: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    robot = tmp_path / "mine.yaml"
    values = robot_values("arrival", "header")
    robot.write_text("# My arm.\n" + yaml.safe_dump(values, sort_keys=False))
    output, picture = tmp_path / "new.yaml", tmp_path / "found.png"
    command = ["calibrate", "--bags", str(bags), "--robot", str(robot)]
    assert main([*command, "--output", str(output), "--picture", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "camera exterior" in printed and "command to motion" in printed
    assert printed.rstrip().splitlines()[-1].split()[:2] == ["groot-ros", "convert"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    written = load_robot(output)
    cameras = written.observations.cameras
    assert cameras["wrist"].latency_s == pytest.approx(CAMERA_S, abs=WITHIN_S)
    assert written.lag and written.lag.total_s == written.limits.following.lag_s
    assert output.read_text().startswith("# My arm.\n")
    # What is known already is not set again, and no file is touched.
    again = [*command[:3], "--robot", str(output), "--picture", str(picture)]
    assert main(again) == 0
    assert "nothing to set" in capsys.readouterr().out
    assert main([*command, "--output", str(output), "--picture", str(picture)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_bag_whose_clock_steps_is_refused_by_name(tmp_path: Path) -> None:
    arm, late = ArmBag(seconds=3.0), ArmBag(seconds=3.0, clock_offset_s=-0.5)
    messages = [m for m in arm.messages() if m.arrival_s < 1.5]
    messages += [m for m in late.messages() if m.arrival_s >= 1.5]
    write_bag(tmp_path / "stepped", messages)
    with pytest.raises(
        UserError, match=r"stepped cannot be used .* step back by 0\.5 s at 1\.5 s"
    ):
        read_recording(tmp_path / "stepped", load_robot("sim"))


def moved(maker: MessageMaker, time_s: float, names: Sequence[str] = JOINTS) -> Message:
    """A trajectory that moves joints to as many rad as seconds have passed."""
    points = [(0.0, [time_s] * len(names))]
    data = trajectory(maker, BEGIN_NS + round(time_s * NS), names, points)
    return Message("/joint_trajectory", TRAJECTORY, time_s, data)


def led_robot() -> RobotConfig:
    values = robot_values("header", "header")
    values["labels"] = {"joint_position": {"topic": "/leader"}}
    return parse_robot(values, "sim.yaml")


def test_what_moved_the_arm_goes_before_what_a_leader_asked_for(tmp_path: Path) -> None:
    arm = ArmBag(seconds=1.0)
    asked = arm.maker.joint_state(BEGIN_NS, dict.fromkeys(JOINTS, 0.25))
    leader = [*arm.messages(), Message("/leader", JOINT_STATE, 0.0, asked)]
    both = [*leader, *(moved(arm.maker, tick / 10) for tick in range(10))]
    recording = read_recording(write_bag(tmp_path / "both", both), led_robot())
    assert recording.commands["joint_position"].values[0] == pytest.approx(np.zeros(7), abs=0.01)
    recording = read_recording(write_bag(tmp_path / "leader", leader), led_robot())
    assert recording.commands["joint_position"].values[0] == pytest.approx(np.full(7, 0.25))


def test_trajectories_that_never_tell_all_joints_at_once_are_left_out(tmp_path: Path) -> None:
    arm = ArmBag(seconds=1.0)
    halves = [moved(arm.maker, 0.5, names) for names in (JOINTS[:3], JOINTS[3:])]
    path = write_bag(tmp_path / "bag", [*arm.messages(), *halves])
    assert "joint_position" not in read_recording(path, load_robot("sim")).commands


def test_signals_beside_those_of_the_arm_are_not_looked_at(tmp_path: Path) -> None:
    arm = ArmBag(seconds=1.0)
    layout = arm.maker.new("std_msgs/msg/MultiArrayLayout", dim=[], data_offset=0)
    data = arm.maker.make(FLOATS, layout=layout, data=np.zeros(2))
    messages = [*arm.messages(), Message("/tactile", FLOATS, 0.5, data)]
    values = yaml.safe_load(share_file("config/robots/sim.yaml").read_text())
    touch = {"topic": "/tactile", "type": "array", "names": ["left", "right"]}
    robot = parse_robot(values | {"signals": {"touch": touch}}, "sim")
    recording = read_recording(write_bag(tmp_path / "bag", messages), robot)
    assert recording.states.keys() == set(STATES)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (["--bags", "missing"], "missing"),
        (["--robot", "nobody"], "'nobody' is neither a file nor one of"),
        (["--output", "no/where.yaml"], "there is no folder no"),
        (["--picture", "found.jpg"], "does not end in .png"),
        (["--robot", "ur5e"], "no bag holds a state of robot ur5e"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    maker = MessageMaker()
    write_bag(Path("bag"), [Message("/other", FLOAT, 0.0, maker.float64(1.0))])
    options = {"--bags": "bag", "--robot": "sim"} | {changed[0]: changed[1]}
    assert main(["calibrate", *(word for pair in options.items() for word in pair)]) == 2
    error = capsys.readouterr().err.strip()
    assert sentence in error and len(error.splitlines()) == 1
