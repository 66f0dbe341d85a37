"""Recorded observations through a policy, the executor and the fake arm."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from arm_bags import BEGIN_NS, ArmBag, grip, pose, write_bag
from PIL import Image

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.grading import Grade, Verdict
from groot_ros.cli.main import main
from groot_ros.errors import UserError
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policy import Inputs
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.share import share_file
from groot_ros.signals.signals import arm_signals
from groot_ros.sim.fake.bag import starting_state
from groot_ros.sim.rehearsal.rehearse import Conditions, rehearse
from groot_ros.sim.rehearsal.result import Rehearsed, summarize

ROBOT = load_robot("sim")
STEP_NS = 1_000_000_000 // 15
CHECKPOINT = share_file("pretrained/sim_pick")


def unchanged(chunk: Chunk, time_s: float) -> Chunk:
    return chunk


class Imitator:
    """Does what the arm of the bag did, `spoil`t by its time in the bag in s."""

    inputs = Inputs(("ee_pose", "joint_position", "grip"), ("exterior", "wrist"))

    def __init__(self, spoil: Callable[[Chunk, float], Chunk] = unchanged) -> None:
        self._spoil = spoil

    def open(self) -> None: ...

    def reset(self, instruction: str) -> None:
        self.instruction = instruction

    def close(self) -> None: ...

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        now_s = (observation.stamp_ns - BEGIN_NS) / 1e9
        times_s = now_s + np.arange(16) * STEP_NS / 1e9
        poses = np.array([pose(time_s) for time_s in times_s])
        grips = np.array([grip(time_s) for time_s in times_s])
        chunk = Chunk(
            observation.stamp_ns, STEP_NS, signals=arm_signals(ee_pose=poses, grip=grips)
        )
        return self._spoil(chunk, now_s)


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "bag"
    write_bag(path, ArmBag(seconds=2.5, camera_hz=15.0).messages())
    return path


def rehearsed(bag: Path, policy: Imitator, robot: RobotConfig = ROBOT) -> Rehearsed:
    conditions = Conditions(instruction="pick up the red cube")
    [episode] = rehearse(policy, robot, [bag], conditions)
    return episode


def below_the_table(chunk: Chunk) -> Chunk:
    poses = chunk.signals["ee_pose"].copy()
    poses[:, 2] = -0.05
    return chunk.replaced({"ee_pose": poses})


def test_who_imitates_is_executed_and_close(bag: Path) -> None:
    policy = Imitator()
    episode = rehearsed(bag, policy)
    assert policy.instruction == "pick up the red cube"
    found = summarize([episode])
    assert not found["refused"] and not found["graded"] and not found["stops"]
    assert found["beyond"] == 0.0
    assert found["chunks"] == found["executed"] > 20
    # The fake arm lags by 40 ms at 0.054 m/s, and begins a chunk later than the demonstration.
    assert found["distance"]["position_m"]["median"] < 0.004
    assert found["distance"]["position_m"]["p95"] < 0.02
    assert found["chunk_distance"]["position_m"]["p95"] < 1e-3
    assert found["seconds"] == pytest.approx(2.5, abs=0.1)
    for chunk in episode.chunks:
        assert chunk.due_ns - chunk.chunk.stamp_ns == 60_000_000
        assert chunk.model_s > 0 and chunk.decode_s > 0


def test_commands_that_are_rare_are_no_pause(bag: Path) -> None:
    rare = replace(ROBOT, output=replace(ROBOT.output, rate_hz=2.0))
    episode = rehearsed(bag, Imitator(), rare)
    assert len(episode.times_ns) > 3 and not episode.stops


def test_what_is_forbidden_is_refused_and_said(bag: Path) -> None:
    episode = rehearsed(bag, Imitator(lambda c, t: below_the_table(c) if 1.0 <= t < 1.25 else c))
    refused = [chunk for chunk in episode.chunks if chunk.refused]
    times_s = [(chunk.chunk.stamp_ns - BEGIN_NS) / 1e9 for chunk in refused]
    assert 1 <= len(refused) <= 4 and min(times_s) >= 1.0 and max(times_s) < 1.25
    found = summarize([episode])
    rows = found["by_episode"][0]["chunks_in_order"]
    assert len(rows) == len(episode.chunks)
    assert {row["reason"] for row in rows if row["outcome"] == "refused"} == set(found["refused"])
    [reason] = found["refused"]
    assert "z = -0.050 m" in reason and "limits.workspace" in reason
    assert not episode.stops


def test_a_small_excess_is_moved_to_the_border_as_the_executor_does(bag: Path) -> None:
    low, high = ROBOT.limits.workspace_min, ROBOT.limits.workspace_max
    assert low and high
    limits = replace(ROBOT.limits, workspace_max=(0.45, *high[1:]))

    def a_little_outside(chunk: Chunk, time_s: float) -> Chunk:
        poses = chunk.signals["ee_pose"].copy()
        poses[:, 0] = np.minimum(poses[:, 0], 0.46)
        return chunk.replaced({"ee_pose": poses})

    episode = rehearsed(bag, Imitator(a_little_outside), replace(ROBOT, limits=limits))
    assert not any(chunk.refused for chunk in episode.chunks)
    assert max(pose[0] for pose in episode.executed) <= 0.45 and episode.beyond == 0.0


def test_a_stop_that_needs_somebody_is_told_and_the_rest_is_rehearsed(bag: Path) -> None:
    episode = rehearsed(bag, Imitator(lambda c, t: below_the_table(c) if 1.0 <= t < 1.6 else c))
    assert any("too many chunks in a row" in stop.sentence for stop in episode.stops)
    assert not any(chunk.refused for chunk in episode.chunks[-5:])
    assert np.linalg.norm((episode.executed[-1] - episode.demonstrated[-1])[:3]) < 0.02


def test_grades_slow_down_and_stop(bag: Path) -> None:
    def graded(chunk: Chunk, time_s: float) -> Chunk:
        grade = Grade.SLOW if time_s < 1.0 else Grade.HOLD if 1.8 < time_s < 2.0 else Grade.OK
        return replace(chunk, verdict=Verdict(grade, "" if grade is Grade.OK else "odd"))

    episode = rehearsed(bag, Imitator(graded))
    found = summarize([episode])
    assert set(found["graded"]) == {"slow: odd", "hold: odd"}
    slow = [c for c in episode.chunks if c.chunk.verdict.grade is Grade.SLOW]
    assert slow and all(chunk.rate <= 0.31 and chunk.kind == "graded" for chunk in slow)
    assert any("far from what it was trained on" in stop.sentence for stop in episode.stops)


def test_a_checkpoint_that_ships_leaves_numbers_and_a_picture(
    bag: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    arguments = ["rehearse", "--robot=sim", f"--checkpoint={CHECKPOINT}", f"--output={output}"]
    arguments += ["--latency=0.3", "--instruction=pick up the red cube", "--bags", str(bag)]
    arguments += ["--variant=ee_rot6d_joints_rel"]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    launch = said.splitlines()[-1]
    assert "robot:=sim variant:=ee_rot6d_joints_rel checkpoints_dir:=" in launch
    assert "fake:=true fake_pictures:=" in launch
    result = json.loads((output / "rehearsal.json").read_text())
    assert f"{result['chunks']} chunks" in said and result["chunks"] > 3
    assert result["chunks"] == result["executed"] + sum(result["refused"].values())
    assert result["model_s"]["median"] > 0.001
    assert result["by_episode"][0]["episode"] == "bag"
    with Image.open(output / "bag.png") as picture:
        assert picture.size[0] > 800


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"--bags": "missing"}, "missing does not exist"),
        ({"--robot": "ur5e"}, "does not fit variant"),
        ({"--checkpoint": "missing"}, "is not a folder"),
        ({"--latency": "-1"}, "latency is -1, expected 0 to 10 s"),
        ({"--strategy": "rtc"}, "strategy is 'rtc', expected one of auto, latest"),
    ],
)
def test_mistakes_are_one_sentence(
    bag: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changed: dict[str, str],
    said: str,
) -> None:
    options = {"--robot": "sim", "--checkpoint": str(CHECKPOINT), "--bags": str(bag)}
    options |= {"--output": str(tmp_path / "out")} | changed
    assert main(["rehearse", *(f"{key}={value}" for key, value in options.items())]) == 2
    assert said in capsys.readouterr().err


def test_stamps_of_simulation_time_are_moved_to_the_clock_of_the_bag(tmp_path: Path) -> None:
    arm = ArmBag(seconds=1.0, camera_hz=15.0, clock_offset_s=-1000.0)
    path = write_bag(tmp_path / "bag", arm.messages())
    episode = rehearsed(path, Imitator())
    assert len(episode.chunks) > 5 and not any(chunk.refused for chunk in episode.chunks)
    assert np.linalg.norm((episode.executed[-1] - episode.demonstrated[-1])[:3]) < 0.02
    np.testing.assert_allclose(starting_state(path, ROBOT).pose, pose(0.0), atol=1e-6)


def test_a_bag_of_another_robot_is_named(bag: Path) -> None:
    streams = ROBOT.observations
    cameras = {"side": replace(streams.cameras["wrist"], topic="side/image_raw")}
    other = replace(ROBOT, observations=replace(streams, cameras=cameras))
    policy = Imitator()
    policy.inputs = Inputs(("ee_pose",), ("side",))
    with pytest.raises(UserError, match="has no topic /side/image_raw for the robot file's"):
        list(rehearse(policy, other, [bag], Conditions(instruction="go")))
