"""Datasets out of datasets: the same as converting the same choice again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from arm_bags import INSTRUCTION, ArmBag, conversion, write_bag
from dataset_bytes import contents

from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.writer import write_own
from groot_ros.data.editing.choice import Choice
from groot_ros.data.editing.operations import (
    Target,
    convert_format,
    delete,
    merge,
    recompute,
    relabel,
    split,
)
from groot_ros.data.editing.split import by_episodes, by_fractions, by_instruction
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import TableRow
from groot_ros.data.review.validate import validate
from groot_ros.files.config_file import JSON_BYTES

CODEC = "ee_rot6d_joints_rel"
NAMES = "abcd"
OWN = "meta/groot_ros.json"
OTHER = "push the blue cube"


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four bags, each longer than the one before."""
    folder = tmp_path_factory.mktemp("recordings")
    for number, name in enumerate(NAMES):
        write_bag(folder / name, ArmBag(seconds=1.5 + 0.3 * number).messages())
    return folder


def converted(recordings: Path, output: Path, names: str = NAMES, **changes: object) -> Path:
    bags = [recordings / name for name in names]
    convert(conversion(bags, output, codec=CODEC, **changes))
    return output


@pytest.fixture(scope="module")
def whole(recordings: Path) -> Path:
    """The dataset of all bags."""
    return converted(recordings, recordings.parent / "whole")


@pytest.fixture(scope="module")
def whole_v3(recordings: Path) -> Path:
    return converted(recordings, recordings.parent / "whole_v3", format="lerobot-v3")


def assert_same(found: Path, expected: Path, known_bags: Iterable[str] = ()) -> None:
    """Every byte is the same, but that bags are known whose episodes were left out."""
    mine, theirs = contents(found), contents(expected)
    own, own_expected = (json.loads(files.pop(OWN)) for files in (mine, theirs))
    assert sorted(mine) == sorted(theirs)
    assert [name for name in mine if mine[name] != theirs[name]] == []
    left_out = [path for path in own["bags"] if path not in own_expected["bags"]]
    assert [Path(path).name for path in left_out] == list(known_bags)
    own["bags"] = {path: own["bags"][path] for path in own_expected["bags"]}
    assert own == own_expected
    assert validate(found).problems == []


@pytest.mark.parametrize("format_", ["gr00t", "lerobot-v3"])
def test_deleting_equals_converting_the_rest(
    tmp_path: Path, recordings: Path, whole: Path, whole_v3: Path, format_: str
) -> None:
    dataset = whole if format_ == "gr00t" else whole_v3
    before = contents(dataset)
    made = delete(dataset, Choice(episodes="0,2"), Target(output=tmp_path / "less"))
    assert made.episodes == 2
    rest = converted(recordings, tmp_path / "rest", "bd", format=format_)
    assert_same(tmp_path / "less", rest, known_bags="ac")
    assert contents(dataset) == before


@pytest.mark.parametrize("format_", ["gr00t", "lerobot-v3"])
def test_merging_equals_converting_all(
    tmp_path: Path, recordings: Path, whole: Path, whole_v3: Path, format_: str
) -> None:
    converted(recordings, tmp_path / "ab", "ab", format=format_)
    converted(recordings, tmp_path / "cd", "cd", format=format_)
    merge([tmp_path / "ab", tmp_path / "cd"], Target())
    assert_same(tmp_path / "ab", whole if format_ == "gr00t" else whole_v3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ab", "cd"]


def test_splitting_equals_converting_the_parts(
    tmp_path: Path, recordings: Path, whole: Path
) -> None:
    parts = {"train": "0-1,3", "val": "2"}
    made = split(whole, lambda d: by_episodes(d, parts), tmp_path / "parts", Target())
    assert {name: part.episodes for name, part in made.items()} == {"train": 3, "val": 1}
    assert_same(tmp_path / "parts" / "train", converted(recordings, tmp_path / "abd", "abd"), "c")
    assert_same(tmp_path / "parts" / "val", converted(recordings, tmp_path / "c", "c"), "abd")


def test_another_format_equals_converting_to_it(
    tmp_path: Path, whole: Path, whole_v3: Path
) -> None:
    convert_format(whole, "lerobot-v3", Target(output=tmp_path / "v3"))
    assert_same(tmp_path / "v3", whole_v3)
    convert_format(tmp_path / "v3", "gr00t", Target())
    assert_same(tmp_path / "v3", whole)


def test_relabelling_equals_converting_with_other_words(
    tmp_path: Path, recordings: Path, whole: Path
) -> None:
    relabel(whole, Choice(episodes="1-2"), f" {OTHER} ", Target(output=tmp_path / "new"))
    table = {name: [TableRow(OTHER if name in "bc" else INSTRUCTION)] for name in NAMES}
    choice = EpisodeChoice(table=table)
    assert_same(tmp_path / "new", converted(recordings, tmp_path / "again", choice=choice))
    for video in whole.rglob("*.mp4"):
        assert video.samefile(tmp_path / "new" / video.relative_to(whole))
    rows = [path.relative_to(whole) for path in sorted(whole.rglob("data/*/*.parquet"))]
    kept = [path.stem[-1] for path in rows if (tmp_path / "new" / path).samefile(whole / path)]
    assert kept == ["0", "3"]


def test_what_a_large_dataset_says_of_itself_is_read_again(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "many")
    own = Dataset(whole).own
    many = [{"bag": "b" * JSON_BYTES, "reason": "too many"}]
    write_own(tmp_path / "many", {**own, "left_out": many})
    assert Dataset(tmp_path / "many").own == {**own, "left_out": many}
    # Each source lies on a line of its own, for who looks at the file.
    lines = (whole / OWN).read_text().splitlines()
    assert f"  {json.dumps(own['sources'][0])}," in lines


def test_new_statistics_are_the_old_ones(tmp_path: Path, whole: Path) -> None:
    recompute(whole, Target(output=tmp_path / "new"), pictures=False)
    assert_same(tmp_path / "new", whole)


def test_fractions_keep_demonstrations_together(tmp_path: Path, whole: Path) -> None:
    shares = {"train": 0.75, "val": 0.25}
    target = Target(dry_run=True)
    seen = set()
    for seed in range(8):
        parts = by_fractions(Dataset(whole), shares, seed)
        assert by_fractions(Dataset(whole), shares, seed) == parts
        train, val = ([episode.index for episode in parts[name]] for name in shares)
        assert sorted(train + val) == [0, 1, 2, 3] and len(val) == 1 and train == sorted(train)
        seen.update(val)
    assert len(seen) > 1
    made = split(whole, lambda d: by_fractions(d, shares, 0), tmp_path / "out", target)
    assert made["train"].episodes == 3 and not list(tmp_path.iterdir())


def test_a_share_for_each_instruction(tmp_path: Path, whole: Path) -> None:
    relabel(whole, Choice(episodes="3"), OTHER, Target(output=tmp_path / "two"))
    split(tmp_path / "two", by_instruction, tmp_path / "parts", Target())
    found = {path.name: Dataset(path).tasks for path in (tmp_path / "parts").iterdir()}
    assert found == {"pick_up_the_red_cube": {0: INSTRUCTION}, "push_the_blue_cube": {0: OTHER}}
    assert [validate(path).problems for path in (tmp_path / "parts").iterdir()] == [[], []]
