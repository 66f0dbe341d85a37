"""`groot-ros codec`: what it lists, checks and drafts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from groot_ros.cli.main import main
from groot_ros.codecs.catalog import codec_names, find_codec
from groot_ros.codecs.draft import Foreign, Seen, draft
from groot_ros.codecs.file import parse_codec
from groot_ros.codecs.representations.closure import Closure
from groot_ros.geometry import pose_to_matrix
from groot_ros.robot.config import load_robot
from groot_ros.robot.kinematics import pose_kinematics
from groot_ros.robot.urdf import load_urdf

DROID = Path(__file__).parents[1] / "data" / "gr00t_n17_droid"


def test_list_and_show_tell_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["codec", "list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(codec_names())
    assert main(["codec", "show", "ee_rot6d"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["codec"] == "ee_rot6d"
    assert main(["codec", "show", "joints_traj", "--robot", "so101"]) == 0
    assert "shoulder_pan" in capsys.readouterr().out


def test_check_says_a_sentence_for_every_mismatch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["codec", "check", "ee_rot6d", "--robot", "sim"]) == 0
    values = dict(find_codec("ee_rot6d").values)
    values["state"] = {"grip": {"signal": "gripp"}, "wrench": {"signal": "wrench"}}
    values["video"] = {"front": {"camera": "exteriour"}}
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    capsys.readouterr()
    assert main(["codec", "check", str(path), "--robot", "sim", "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert len(problems) == 3
    for problem, near in zip(problems, ("did you mean grip", "wrench", "exterior?"), strict=True):
        assert near in problem


def test_a_draft_of_a_checkpoint_fits_its_robot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "droid.yaml"
    arguments = ["--checkpoint", str(DROID), "--robot", "franka", "--output", str(path)]
    assert main(["codec", "draft", *arguments]) == 0
    said = capsys.readouterr().out
    assert "guessed: action.joint_position is ignored: the robot follows ee_pose" in said
    assert "not known" not in said
    codec = find_codec(str(path)).codec(load_robot("franka"))
    assert [(f.key, f.size) for f in codec.features.state] == [
        ("eef_9d", 9),
        ("gripper_position", 1),
        ("joint_position", 7),
    ]
    assert codec.action.ignored == ("joint_position",)
    assert codec.timing.horizon == 40
    assert codec.video.cameras == {
        "exterior_image_1_left": "exterior",
        "wrist_image_left": "wrist",
    }
    assert find_codec(str(path)).relative_keys == ("eef_9d", "joint_position")
    assert find_codec(str(path)).execute == 15
    assert codec.action.parts[1].representation == Closure(binary=0.5)
    assert "of oxe_droid_relative_eef_relative_joint follow joint_position" in said
    assert main(["codec", "check", str(path), "--robot", "franka"]) == 0
    assert "makes no dataset" in capsys.readouterr().out


# Means of state in the statistics of NVIDIA's sample of DROID (Isaac-GR00T, commit 679ba74b,
# demo_data/droid_sample/meta/stats.json): the two rows of the rotation and the joints.
DROID_ROWS = [[-0.0419, 0.1662, -0.5074], [0.4715, -0.0129, -0.0812]]
DROID_JOINTS = [0.0771, 0.4735, -0.0498, -1.7333, -0.0970, 2.2583, -0.1533]


def test_droids_poses_are_those_of_frankas_flange_turned_as_nvidia_turns_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "droid.yaml"
    assert main(["codec", "draft", "--checkpoint", str(DROID), "--output", str(path)]) == 0
    path.write_text(path.read_text().replace("FILL_IN", "wrist"))
    robot = load_robot("franka")
    pose = find_codec(str(path)).codec(robot).state.parts[0]
    arm = load_urdf(robot.urdf)
    joints = np.random.default_rng(0).uniform(-1.0, 1.0, (5, 7))
    told, flange = (
        pose_kinematics(robot, link, arm).poses(joints)[:, 0]
        for link in ("fr3_hand_tcp", "fr3_link8")
    )
    # droid_frame.py: the rotation is that of the pose times this.
    turned = np.array([[0, 0, -1], [-1, 0, 0], [0, 1, 0]])
    columns = pose.columns(told)
    np.testing.assert_allclose(columns[:, :3], flange[:, :3], atol=1e-9)
    rows = (pose_to_matrix(flange)[:, :3, :3] @ turned)[:, :2].reshape(5, 6)
    np.testing.assert_allclose(columns[:, 3:], rows, atol=1e-6)
    back = pose_to_matrix(pose.values(columns))
    np.testing.assert_allclose(back, pose_to_matrix(told), atol=1e-6)

    def alike(link: str) -> float:
        frame = pose_to_matrix(pose_kinematics(robot, link, arm).poses(DROID_JOINTS)[0])[:3, :3]
        found, seen = (frame @ turned)[:2].ravel(), np.ravel(DROID_ROWS)
        return float(found @ seen / np.linalg.norm(found) / np.linalg.norm(seen))

    assert alike("fr3_link8") > 0.95 and alike("fr3_hand_tcp") < 0.7


def test_where_the_flange_is_has_to_be_said_of_robots_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "droid.yaml"
    command = ["codec", "draft", "--checkpoint", str(DROID), "--robot", "xarm6"]
    assert main([*command, "--output", str(path)]) == 0
    said = capsys.readouterr().out
    assert "not known: state.eef_9d: which link of xarm6 is Franka's flange" in said
    assert main(["codec", "check", str(path), "--robot", "xarm6"]) == 2
    assert "tool.of is still to be filled in, expected a link" in capsys.readouterr().err
    text = path.read_text()
    path.write_text(text.replace("FILL_IN", "link6"))
    capsys.readouterr()
    main(["codec", "check", str(path), "--robot", "xarm6"])
    assert "tool" not in capsys.readouterr().out
    for link, problem in ("link3", "a joint moves between the two"), ("link7", "no link 'link7'"):
        path.write_text(text.replace("FILL_IN", link))
        assert main(["codec", "check", str(path), "--robot", "xarm6"]) == 1
        assert problem in capsys.readouterr().out


def foreign_dataset(path: Path, **files: object) -> Path:
    """The metadata of an arm in degrees, as LeRobot writes it, and more files below meta/."""
    names = ["pan", "lift", "elbow", "flex", "roll", "gripper"]
    (path / "meta").mkdir(parents=True)
    feature = {"dtype": "float32", "shape": [6], "names": [f"{name}.pos" for name in names]}
    picture = {"dtype": "video", "shape": [480, 640, 3], "names": ["height", "width", "channels"]}
    info = {
        "codebase_version": "v3.0",
        "fps": 30,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {
            "observation.state": feature,
            "action": feature,
            "observation.images.front": picture,
        },
    }
    extremes = {"min": [-90.0, -95, -80, -60, -150, 2], "max": [90.0, 95, 80, 60, 150, 98]}
    stats = {"observation.state": extremes, "action": extremes}
    for name, content in ({"info": info, "stats": stats} | files).items():
        (path / "meta" / f"{name}.json").write_text(json.dumps(content))
    return path


def test_a_draft_of_a_dataset_guesses_degrees_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = foreign_dataset(tmp_path / "so101")
    output = tmp_path / "mine.yaml"
    arguments = ["--dataset", str(dataset), "--robot", "so101", "--output", str(output)]
    assert main(["codec", "draft", *arguments]) == 0
    said = capsys.readouterr().out
    assert "guessed: state.joint_position is in degrees, because it goes to 150" in said
    values = yaml.safe_load(output.read_text())
    assert values["state"]["joint_position"] == {"signal": "joint_position", "unit": "deg"}
    assert values["action"]["gripper"]["affine"] == {"scale": 100.0, "offset": 0.0}
    assert values["video"]["front"]["size"] == {"width": 640, "height": 480}
    assert values["fps"] == 30


def test_what_a_modality_leaves_out_is_told_by_the_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    modality = {"state": {"joint_position": {"start": 0, "end": 6}}}
    path = foreign_dataset(tmp_path / "so101", modality=modality, stats={"action": []})
    assert main(["codec", "draft", "--dataset", str(path), "--robot", "so101"]) == 0
    values = yaml.safe_load(capsys.readouterr().out)
    assert list(values["state"]) == ["joint_position"]
    assert list(values["action"]) == ["joint_position", "gripper"]
    assert list(values["video"]) == ["front"]


@pytest.mark.parametrize(("least_qx", "sign"), [(0.02, None), (-0.7, "driver"), (None, None)])
def test_the_sign_of_quaternions_is_that_of_the_statistics(
    least_qx: float | None, sign: str | None
) -> None:
    low = () if least_qx is None else (0.1, 0.1, 0.1, -1.0, least_qx, -1.0, -1.0)
    pose = Seen(key="ee_pose", size=7, low=low, high=(1.0,) * len(low))
    foreign = Foreign(
        name="a", state=[pose], action=[pose], video={"top": None}, language="annotation.task"
    )
    values = yaml.safe_load(draft(foreign, None).text)
    assert values["state"]["ee_pose"].get("sign") == sign


def test_what_nothing_tells_is_left_to_fill_in() -> None:
    foreign = Foreign(
        name="007",
        state=[Seen(key="mystery", size=5), *(Seen(key=k, size=1) for k in "xyz")],
        action=[
            Seen(key="eef_pose", size=7),
            Seen(key="arm_joints", size=7),
            Seen(key="grip", size=1, low=(50.0,), high=(50.0,)),
        ],
        video={"top": None},
        language="annotation.task",
    )
    made = draft(foreign, None)
    assert "state.mystery: which signal its 5 numbers are" in made.unknown
    assert "video.top: which camera it is" in made.unknown
    assert "action.eef_pose is ignored: the robot follows joint_position" in made.guessed
    values = yaml.safe_load(made.text)
    assert values["state"]["mystery"] == {"signal": "FILL_IN"}
    assert parse_codec(values, "odd", "odd.yaml").codec_name == "007"
