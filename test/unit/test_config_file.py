"""What others write into a robot file ends in one sentence, whatever it is."""

from pathlib import Path

import pytest

from groot_ros.errors import UserError
from groot_ros.files.config_file import parse_json, read_json
from groot_ros.policies.checkpoint.folder import find_checkpoint
from groot_ros.robot.config import load_robot
from groot_ros.robot.urdf import load_urdf
from groot_ros.share import share_file

SIM = share_file("config/robots/sim.yaml").read_text()
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
)


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_robot(path)
    sentence = str(caught.value)
    assert "mine.yaml" in sentence and "\n" not in sentence and len(sentence) < 700
    return sentence


HARM = [
    (SIM + "\nlimits: {linear_velocity: 9.0}\n", "limits is there twice, in lines"),
    (
        SIM.replace("  linear_velocity", "  linear_velocity: 9.0\n  linear_velocity"),
        "limits.linear_velocity is there twice",
    ),
    (SIM + "\nuntested: " + "9" * 5000, "untested is a number of 5000 digits"),
    (SIM + "\nuntested: " + "[" * 3000 + "]" * 3000, "nested deeper than 32 levels in line"),
    (SIM + "\n" + "? " * 3000, "nested deeper than 32 levels"),
    (SIM + f"\n{BOMB}\n", "makes more than 20000 values with its aliases"),
    (SIM + "\nuntested: &a [*a]\n", "untested.0.0 is an alias of what holds it"),
    (SIM + "\nuntested: !!python/name:os.system ''\n", "untested is of the type python/name"),
    (SIM + "\nuntested: !mine 3\n", "untested is of the type !mine"),
    (SIM + "\nuntested: 2026-01-01\n", "untested is of the type timestamp"),
    (SIM + "\nuntested: 0b_\n", "is not valid YAML"),
    (SIM + "\n? [a, b]\n: 3\n", "that is no text"),
    (SIM + "\n---\nrobot: other\n", "is not valid YAML"),
    (SIM.replace("robot: sim", "robot: \x07"), "is not valid YAML"),
    (SIM.replace("robot: sim", 'robot: "\\ud800"'), "robot holds half of a letter in line"),
    (SIM + '\n"\\udfff": 1\n', "the file holds half of a letter in line"),
    (SIM + "\nx: " + "y" * (1 << 20), "has more than 1048576 bytes"),
    ("- a\n" * 30_000, "holds more than 20000 values"),
    (SIM.replace("limits:", "limts:"), "limts is not a known key; did you mean limits"),
    (SIM.replace("topic:", "topc:"), "did you mean it by topc?"),
    (SIM.replace("rate: 100", "rate: .nan"), "output.rate is nan, expected a number in Hz"),
    (SIM.replace("rate: 100", "rate: .inf"), "output.rate is inf, expected a number in Hz"),
    ("", "is None, expected a mapping"),
    (SIM.replace("robot: sim", "robts: sim"), "did you mean it by robts"),
]


@pytest.mark.parametrize(("text", "sentence"), HARM, ids=[sentence for _, sentence in HARM])
def test_a_robot_file_that_means_harm_is_one_sentence(
    text: str, sentence: str, tmp_path: Path
) -> None:
    assert sentence in refused(tmp_path / "mine.yaml", text.encode())


ENCODINGS = [
    (SIM.encode("utf-16"), "is written in UTF-16, expected UTF-8"),
    (SIM.encode("utf-32"), "is written in UTF-32, expected UTF-8"),
    (SIM.encode() + b"# \xe4", "is not UTF-8 text (byte "),
    (SIM.encode("utf-16-le"), "mine.yaml"),
]


@pytest.mark.parametrize(
    ("content", "sentence"), ENCODINGS, ids=["utf-16", "utf-32", "latin-1", "no mark"]
)
def test_other_encodings_are_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    assert sentence in refused(tmp_path / "mine.yaml", content)


def test_the_shipped_files_stay_valid_with_what_yaml_offers(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    # A mark that some editors put in front of UTF-8.
    path.write_bytes(b"\xef\xbb\xbf" + SIM.encode())
    assert load_robot(path) == load_robot("sim")
    path.write_text(
        SIM.replace("{topic: exterior/image_raw}", "&camera {topic: exterior/image_raw}").replace(
            "{topic: wrist/image_raw}", "{<<: *camera, topic: wrist/image_raw}"
        )
    )
    assert load_robot(path) == load_robot("sim")


def test_crossed_joint_limits_name_the_joint(tmp_path: Path) -> None:
    franka = share_file("config/robots/franka.yaml").read_text()
    text = franka.replace("-3.0421, -2.8065", "-0.1, -2.8065")
    assert text != franka
    sentence = refused(tmp_path / "mine.yaml", text.encode())
    assert "limits.joint_lower is -0.1 for joint 4, expected less than its joint_upper" in sentence


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' is there twice"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("9" * 5000, "a number of 5000 digits"),
        ('{"a": ', "Expecting value"),
        ("", "Expecting value"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
    ],
)
def test_json_is_read_within_bounds(text: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason) as caught:
        parse_json(text, "x.json", "copy it again")
    assert str(caught.value).startswith("x.json is no valid JSON (")
    assert str(caught.value).endswith(": copy it again")


def test_a_json_file_of_another_encoding_or_size(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes("{}".encode("utf-16"))
    with pytest.raises(UserError, match="UTF-16, expected UTF-8"):
        read_json(path, "copy it again")
    path.write_bytes(b" " * (33 << 20))
    with pytest.raises(UserError, match="more than 33554432 bytes"):
        read_json(path, "copy it again")


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-here/mine.yaml"], ids=["long", "~"])
def test_a_name_that_no_file_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is neither a file nor one of"):
        load_robot(name)
    with pytest.raises(UserError, match="the URDF .* is not there"):
        load_urdf(name)
    with pytest.raises(UserError, match="is not a folder"):
        find_checkpoint(name)
    path = tmp_path / "mine.yaml"
    path.write_text(SIM.replace("urdf/sim_arm.urdf", "x" * 5000))
    assert load_robot(path).name == "sim"
