"""Edits that are refused, interrupted, or made by two at once: nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from arm_bags import ArmBag, conversion, write_bag
from dataset_bytes import contents

from groot_ros.cli.main import main
from groot_ros.data.conversion.append import BEFORE
from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.edits import Edit
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.editing.choice import Choice
from groot_ros.data.editing.operations import Target, change, delete, merge, relabel, split
from groot_ros.data.editing.split import by_episodes
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError

WAIT_S = 120


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for name in "abc":
        write_bag(folder / "bags" / name, ArmBag(seconds=1.6).messages())
    convert(conversion(folder / "bags", folder / "set"))
    return folder / "set"


@pytest.fixture
def dataset(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "set"))


SLOW = """
import sys, time
from pathlib import Path
from groot_ros.data.editing.choice import Choice
from groot_ros.data.editing.operations import Target, delete

def watch(pieces):
    for piece in pieces:
        yield piece
        print("taken", flush=True)
        time.sleep(600)

delete(Path(sys.argv[1]), Choice(episodes="0"), Target(watch=watch))
"""


def test_a_killed_edit_leaves_the_dataset_and_can_be_repeated(dataset: Path) -> None:
    before = contents(dataset)
    command = [sys.executable, "-c", SLOW, str(dataset)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "taken\n"
        with pytest.raises(UserError, match=f"is being written by process {process.pid}"):
            delete(dataset, Choice(episodes="1"), Target())
        process.send_signal(signal.SIGKILL)
        assert process.wait(WAIT_S) == -signal.SIGKILL
    assert contents(dataset) == before
    assert (dataset.parent / "set.part").exists()
    assert delete(dataset, Choice(episodes="0"), Target()).episodes == 2
    assert validate(dataset).problems == []
    assert [path.name for path in dataset.parent.iterdir()] == ["set"]


SLOW_TRIM = """
import sys, time
from pathlib import Path
from groot_ros.data.datasets.edits import Edit
from groot_ros.data.editing.operations import Target, change

def watch(pieces):
    for number, piece in enumerate(pieces):
        if number:
            print("cut", flush=True)
            time.sleep(600)
        yield piece

change(Path(sys.argv[1]), lambda found: {0: Edit(start=1), 1: Edit(start=3)}, Target(watch=watch))
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_what_an_interrupted_trim_has_cut_is_not_cut_again(
    dataset: Path, end: signal.Signals
) -> None:
    command = [sys.executable, "-c", SLOW_TRIM, str(dataset)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "cut\n"
        process.send_signal(end)
        assert process.wait(WAIT_S) != 0
    cuts = {path.stat().st_ino for path in dataset.with_name("set.part").glob("cuts/*.mp4")}
    assert len(cuts) == 2
    change(dataset, lambda _: {0: Edit(start=1), 1: Edit(start=3)}, Target())
    made, other = (Dataset(dataset).episodes[index].videos.values() for index in (0, 1))
    assert {clip.path.stat().st_ino for clip in made} == cuts
    assert not {clip.path.stat().st_ino for clip in other} & cuts
    assert validate(dataset).problems == []
    assert [path.name for path in dataset.parent.iterdir()] == ["set"]


def test_a_dataset_comes_back_that_was_lost_between_two_renames(dataset: Path) -> None:
    part = dataset.with_name("set.part")
    part.mkdir()
    dataset.rename(part / BEFORE)
    assert delete(dataset, Choice(episodes="0"), Target()).episodes == 2
    assert [path.name for path in dataset.parent.iterdir()] == ["set"]


def test_killed_at_any_moment_it_is_the_old_dataset_or_the_new_one(
    dataset: Path, tmp_path: Path
) -> None:
    """A command is killed later and later until one gets through."""
    before = contents(dataset)
    delete(dataset, Choice(episodes="0"), Target(output=tmp_path / "new"))
    after = contents(tmp_path / "new")
    command = [sys.executable, "-m", "groot_ros.cli.main", "dataset", "delete", str(dataset)]
    killed, wait_s = 0, 0.2
    while contents_or_before(dataset) == before:
        process = subprocess.Popen([*command, "--episodes", "0"], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + wait_s
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.wait(WAIT_S)
        wait_s *= 1.7
    assert killed > 0
    assert contents_or_before(dataset) == after


def contents_or_before(dataset: Path) -> dict[str, bytes]:
    """What the next command would begin with."""
    waiting = dataset.with_name(f"{dataset.name}.part") / BEFORE
    return contents(dataset if dataset.exists() else waiting)


def test_what_a_conversion_left_is_not_deleted(dataset: Path) -> None:
    part = dataset.with_name("set.part")
    part.mkdir()
    (part / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="left over from a conversion .* --resume"):
        delete(dataset, Choice(episodes="0"), Target())
    assert (part / "plan.json").exists()


def test_an_existing_output_is_never_overwritten(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(UserError, match="exists already and is never overwritten"):
        delete(dataset, Choice(episodes="0"), Target(output=tmp_path / "there"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "there"]


def change_json(path: Path, *keys: str, to: object) -> None:
    content = json.loads(path.read_text())
    inner = content
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = to
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("file", "keys", "to", "sentence"),
    [
        ("info", ("fps",), 30, "fps is 15 and 30"),
        ("info", ("robot_type",), "ur5e", "the robot is 'sim' and 'ur5e'"),
        ("groot_ros", ("codec",), "ee_quat", "codec is 'ee_quat_joints' and 'ee_quat'"),
        (
            "info",
            ("features", "observation.images.wrist_image", "shape"),
            [480, 640, 3],
            r"feature observation.images.wrist_image shape is \[224, 224, 3\] and \[480, 640, 3\]",
        ),
    ],
)
def test_datasets_that_do_not_fit_are_named_with_the_difference(
    dataset: Path, tmp_path: Path, file: str, keys: tuple[str, ...], to: object, sentence: str
) -> None:
    split(dataset, lambda d: by_episodes(d, {"a": "0", "b": "1-2"}), tmp_path / "parts", Target())
    one, other = tmp_path / "parts" / "a", tmp_path / "parts" / "b"
    change_json(other / "meta" / f"{file}.json", *keys, to=to)
    with pytest.raises(UserError, match=f"{one} and {other} cannot be one dataset: {sentence}"):
        merge([one, other], Target())


def test_the_same_moments_are_not_taken_twice(dataset: Path, tmp_path: Path) -> None:
    relabel(dataset, Choice(), "again", Target(output=tmp_path / "copy"))
    with pytest.raises(UserError, match="episode 0 of .* are the same moments of one bag"):
        merge([dataset, tmp_path / "copy"], Target())


def test_another_format_is_named_with_what_mends_it(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    v3 = tmp_path / "v3"
    command = ["dataset", "convert", str(dataset), "--format", "lerobot-v3", "--output", str(v3)]
    assert main(command) == 0
    assert f"look at it: groot-ros view {v3}" in capsys.readouterr().out
    assert main(["dataset", "merge", str(dataset), str(v3)]) == 2
    assert f"groot-ros dataset convert {v3} --format gr00t" in capsys.readouterr().err
    assert main(["dataset", "delete", str(dataset)]) == 2
    assert "delete needs --episodes" in capsys.readouterr().err


def test_a_dry_run_writes_nothing(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(dataset)
    command = ["dataset", "delete", str(dataset), "--episodes", "0-1", "--dry_run"]
    assert main(command) == 0
    length = Dataset(dataset).episodes[2].length
    assert f"would write {dataset}: 1 episodes, {length} frames" in capsys.readouterr().out
    assert contents(dataset) == before and list(dataset.parent.iterdir()) == [dataset]


def test_files_of_the_user_stay(dataset: Path) -> None:
    (dataset / "README.md").write_text("my notes")
    (dataset / "meta" / "positronic.json").write_text("{}")
    delete(dataset, Choice(episodes="0"), Target())
    assert (dataset / "README.md").read_text() == "my notes"
    assert (dataset / "meta" / "positronic.json").exists()


def test_an_output_inside_the_dataset_is_refused(dataset: Path) -> None:
    with pytest.raises(UserError, match="lies inside the dataset"):
        delete(dataset, Choice(episodes="0"), Target(output=dataset / "less"))
    assert not (dataset / "less.part").exists()


def test_bags_that_are_not_known_are_named(dataset: Path) -> None:
    change_json(dataset / "meta" / "groot_ros.json", "episodes", to=[])
    with pytest.raises(UserError, match="does not say which bags its episodes are of"):
        delete(dataset, Choice(episodes="0"), Target())
    (dataset / "meta" / "groot_ros.json").unlink()
    assert delete(dataset, Choice(episodes="0"), Target()).episodes == 2


def test_files_that_are_links_are_taken_as_what_they_lead_to(
    dataset: Path, tmp_path: Path
) -> None:
    """As in the cache of the hub."""
    (tmp_path / "blobs").mkdir()
    for number, path in enumerate(sorted(p for p in dataset.rglob("*") if p.is_file())):
        path.rename(tmp_path / "blobs" / str(number))
        path.symlink_to(os.path.relpath(tmp_path / "blobs" / str(number), path.parent))
    delete(dataset, Choice(episodes="0"), Target(output=tmp_path / "a" / "b" / "less"))
    assert validate(tmp_path / "a" / "b" / "less").problems == []
