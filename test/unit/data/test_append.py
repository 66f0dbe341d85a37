"""Today's bags in yesterday's dataset: the same as converting all at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from arm_bags import ArmBag, conversion, write_bag
from dataset_bytes import contents

from groot_ros.data.conversion.append import BEFORE
from groot_ros.data.conversion.convert import convert
from groot_ros.errors import UserError

CODEC = "ee_rot6d_joints_rel"


def make_bags(folder: Path) -> tuple[Path, Path]:
    """Bags of yesterday and of today."""
    for day, names in (("monday", "ab"), ("tuesday", "cd")):
        for name in names:
            length_s = 1.5 + 0.3 * (ord(name) - ord("a"))
            write_bag(folder / day / name, ArmBag(seconds=length_s).messages())
    return folder / "monday", folder / "tuesday"


@pytest.mark.parametrize("format_", ["gr00t", "lerobot-v3"])
def test_appending_equals_converting_all_at_once(tmp_path: Path, format_: str) -> None:
    monday, tuesday = make_bags(tmp_path)
    whole, grown = tmp_path / "whole", tmp_path / "grown"
    options = {"codec": CODEC, "format": format_}
    convert(conversion([monday, tuesday], whole, **options))
    convert(conversion(monday, grown, **options))
    [first] = grown.glob("data/*/*0.parquet")
    written = first.stat()
    # As somebody does who gives all bags every evening.
    report = convert(conversion([monday, tuesday], grown, append=True, **options))
    assert [Path(bag).name for bag in report.known] == ["a", "b"]
    assert len(report.episodes) == 2
    assert (first.stat().st_ino, first.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    expected = contents(whole)
    assert contents(grown) == expected
    assert not (tmp_path / "grown.part").exists()
    report = convert(conversion([monday, tuesday], grown, append=True, **options))
    assert report.exit_code == 0 and len(report.known) == 4 and not report.episodes
    assert contents(grown) == expected


def test_a_dataset_is_never_lost_between_two_renames(tmp_path: Path) -> None:
    monday, tuesday = make_bags(tmp_path)
    whole, grown = tmp_path / "whole", tmp_path / "grown"
    convert(conversion([monday, tuesday], whole, codec=CODEC))
    convert(conversion(monday, grown, codec=CODEC))
    before = contents(grown)
    part = tmp_path / "grown.part"
    part.mkdir()
    grown.rename(part / BEFORE)
    with pytest.raises(UserError, match="--resume"):
        convert(conversion(tuesday, grown, codec=CODEC, append=True))
    assert contents(grown) == before
    convert(conversion(tuesday, grown, codec=CODEC, append=True, resume=True))
    assert contents(grown) == contents(whole)


def test_datasets_that_know_their_bags_otherwise_are_refused(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    convert(conversion(bag, tmp_path / "out"))
    path = tmp_path / "out" / "meta" / "groot_ros.json"
    own = json.loads(path.read_text())
    own["format"] -= 1
    path.write_text(json.dumps(own))
    with pytest.raises(UserError, match="was made with another format .1, not 2."):
        convert(conversion(bag, tmp_path / "out", append=True))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fps": 10}, "was made with another fps .15, not 10."),
        ({"codec": "ee_quat"}, "was made with another variant .*append with the options"),
        ({"format": "lerobot-v3"}, "was made with another version .v2.1, not v3.0."),
    ],
)
def test_other_options_are_named(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out", codec=CODEC))
    before = contents(tmp_path / "out")
    with pytest.raises(UserError, match=sentence):
        options = {"codec": CODEC, "append": True, **changes}
        convert(conversion(tmp_path / "bag", tmp_path / "out", **options))
    assert contents(tmp_path / "out") == before
    assert not (tmp_path / "out.part").exists()


def test_there_must_be_a_dataset(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=1.5).messages())
    with pytest.raises(UserError, match="is not a dataset, to which --append adds"):
        convert(conversion(tmp_path / "bag", tmp_path / "out", append=True))
    assert not (tmp_path / "out.part").exists()
