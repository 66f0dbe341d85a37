"""Datasets against what the live node sees, and against the simulated robot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arm_bags import JOINTS, ArmBag, Message, conversion, joints, times, write_bag
from label_bags import trajectory
from one_arm import ONE_ARM

from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.codec import Codec
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.verify import verify
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import ACTION
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError
from groot_ros.observation.label_messages import TRAJECTORY
from groot_ros.robot.config import load_robot
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.tasks import Task

SEED = 3


CASES = [(variant, 15) for variant in ONE_ARM]
CASES += [(variant, fps) for variant in ("ee_joints", "ee_rot6d_joints_traj") for fps in (7, 40)]


@pytest.mark.parametrize(("variant", "fps"), CASES)
def test_every_codec_and_rate_equals_the_live_path(tmp_path: Path, variant: str, fps: int) -> None:
    arm = ArmBag(seconds=2.5)
    joint_commands = [
        Message(
            "/joint_trajectory",
            TRAJECTORY,
            time_s,
            trajectory(arm.maker, arm.stamp_ns(time_s), JOINTS, [(0.1, joints(time_s + 0.1))]),
        )
        for time_s in times(2.5, 20)
    ]
    write_bag(tmp_path / "bag", [*arm.messages(), *joint_commands])
    convert(conversion(tmp_path / "bag", tmp_path / "out", codec=variant, fps=fps))
    found = verify(tmp_path / "bag", "sim", variant, tmp_path / "out")
    assert found.rows > 16 and found.unseen == 0
    assert found.state_difference <= 1e-6 and found.action_difference <= 1e-6
    assert found.is_equal and min(found.psnr_db.values()) > 35


def test_cameras_that_are_out_of_step(tmp_path: Path) -> None:
    arm = ArmBag(seconds=2.5)
    late = ArmBag(seconds=2.5, clock_offset_s=0.012, image_delay_s=0.042).images(["wrist"])
    messages = [*arm.states(), *arm.commands(), *arm.images(["exterior"]), *late]
    write_bag(tmp_path / "bag", messages)
    report = convert(conversion(tmp_path / "bag", tmp_path / "out"))
    assert report.dropped == {} and report.episodes[0].duplicates == 0
    assert verify(tmp_path / "bag", "sim", "ee_quat_joints", tmp_path / "out").is_equal


def test_a_changed_row_is_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=2.0).messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    [episode] = Dataset(tmp_path / "out").episodes
    table = pq.read_table(episode.data)
    for column in ("observation.state", "action"):
        values = np.array(table[column].to_pylist())
        values[5, 2] += 1e-5
        changed = pa.array(values.tolist(), pa.list_(pa.float32()))
        name = table.column_names.index(column)
        pq.write_table(table.set_column(name, column, changed), episode.data)
        arguments = ["verify", "--bag", str(tmp_path / "bag"), "--robot", "sim", "--json"]
        arguments += ["--codec", "ee_quat_joints", "--dataset", str(tmp_path / "out")]
        assert main(arguments) == 1
        found = json.loads(capsys.readouterr().out)
        assert not found["equal"]
        kind = "state" if column == "observation.state" else "action"
        assert found[f"{kind}_difference"] == pytest.approx(1e-5, rel=0.1)


def test_another_bag_or_codec_is_named(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=2.0).messages())
    write_bag(tmp_path / "other", ArmBag(seconds=1.9).messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    with pytest.raises(UserError, match="holds no episode of bag"):
        verify(tmp_path / "other", "sim", "ee_quat_joints", tmp_path / "out")
    with pytest.raises(UserError, match="was made with codec ee_quat_joints, not ee_rot6d"):
        verify(tmp_path / "bag", "sim", "ee_rot6d", tmp_path / "out")


def test_simulated_recording_to_dataset_and_back_to_the_arm(tmp_path: Path) -> None:
    simulation = Simulation()
    try:
        simulation.reset(SEED, Task("pick"))
        info = record_episode(
            tmp_path / "bags" / "pick",
            ScriptedPolicy(),
            simulation,
            BagOptions(image_rate_hz=15.0),
        )
        assert info.outcome == "success"
        ended = simulation.ee_pose
        for name in ("ee_rot6d_joints", "joints_traj"):
            output = tmp_path / name
            report = convert(conversion(tmp_path / "bags", output, codec=name))
            assert report.exit_code == 0 and report.dropped == {}
            assert validate(output).problems == []
            found = verify(tmp_path / "bags" / "pick", "sim", name, output)
            assert found.is_equal and min(found.psnr_db.values()) > 35
            assert found.decoded_action_difference < 1e-5
            simulation.reset(SEED, Task("pick"))
            replay(simulation, output, find_codec(name).codec(load_robot("sim")))
            assert np.linalg.norm(simulation.ee_pose[:3] - ended[:3]) < 0.005
    finally:
        simulation.close()


def replay(simulation: Simulation, dataset_path: Path, codec: Codec) -> None:
    """Send the actions of a dataset's only episode to the arm, whatever it sees."""
    dataset = Dataset(dataset_path)
    [episode] = dataset.episodes
    actions = dataset.columns(episode)[ACTION].astype(np.float64)
    modality = codec.modality()["action"]
    steps = codec.decode(
        {key: actions[:, place["start"] : place["end"]] for key, place in modality.items()}
    )
    for index in range(steps.steps):
        if "ee_pose" in steps:
            simulation.set_pose_target(steps["ee_pose"][index])
        elif "joint_position" in steps:
            simulation.set_joint_target(steps["joint_position"][index])
        simulation.set_grip_target(float(steps["grip"][index]))
        simulation.advance(1.0 / dataset.fps)
