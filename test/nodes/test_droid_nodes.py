"""A checkpoint with the released DROID files moves an arm like Franka's through the nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from droid_folder import write_droid
from graph import JOINTS
from sensor_msgs.msg import JointState
from stage import Stage, staged

from groot_ros.chunks.message import from_action_chunk
from groot_ros.cli.main import main
from groot_ros.codecs.catalog import find_codec
from groot_ros.share import share_file
from groot_ros_msgs.msg import ActionChunk


def joint_franka(folder: Path) -> Path:
    """The shipped Franka where chunks of joints are followed, as DROID's are, with a gripper whose
    messages every environment has."""
    values = yaml.safe_load(share_file("config/robots/franka.yaml").read_text())
    del values["output"]["kinematics"]
    values["commands"]["grip"] = {"topic": "/gripper/command"}
    path = folder / "franka_joints.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def robot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return joint_franka(tmp_path_factory.mktemp("robot"))


@pytest.fixture(scope="module")
def stage(robot: Path) -> Iterator[Stage]:
    """The arm and its executor, active, and a policy node that is not configured."""
    with staged(robot=False) as stage:
        stage.start("fake_node", robot=robot, image_width=64, image_height=48, image_rate=15.0)
        stage.start("executor_node", robot=robot, dry_run="false")
        stage.start("policy_node", robot=robot)
        for node in ("/fake", "/executor"):
            stage.activate(node)
        yield stage


@pytest.mark.parametrize("history", [(0,), (-15, 0)], ids=["released", "with history"])
def test_a_drafted_codec_moves_the_arm(
    stage: Stage,
    robot: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    history: tuple[int, ...],
) -> None:
    checkpoint, codec = write_droid(tmp_path / "droid", history), tmp_path / "droid.yaml"
    draft = ["codec", "draft", "--checkpoint", str(checkpoint), "--robot", str(robot)]
    assert main([*draft, "--output", str(codec)]) == 0
    said = capsys.readouterr().out
    assert "action.eef_9d is ignored: the robot follows joint_position" in said
    assert main(["codec", "check", str(codec), "--robot", str(robot)]) == 0
    file = find_codec(str(codec))
    pictures = [(part.width, part.height, part.history) for part in file.video.values()]
    assert pictures == [(320, 180, history)] * 2
    assert (file.horizon, file.fps) == (40, 15)

    graph = stage.graph
    chunks = graph.collect(ActionChunk, "/policy/action_chunk")
    states = graph.collect(JointState, "/franka/joint_states")
    for name, path in (("variant", codec), ("checkpoints_dir", checkpoint)):
        assert graph.set_parameter("/policy", name, str(path)).successful
    stage.activate("/policy")
    made = graph.wait_for(lambda: [c for c in chunks if c.horizon], "a chunk")
    chunk = from_action_chunk(made[0])
    assert len(chunk) == 40 and list(chunk.signals) == ["grip", "joint_position"]
    assert made[0].codec == "droid"

    def turned() -> bool:
        first, last = (dict(zip(m.name, m.position, strict=True)) for m in (states[0], states[-1]))
        return last[JOINTS[0]] - first[JOINTS[0]] > 0.05

    graph.wait_for(lambda: states and turned(), "the first joint to turn as the actions say")
    assert graph.transition("/policy", "deactivate") and graph.transition("/policy", "cleanup")
