"""Datasets in format v3 as LeRobot writes them: many episodes in a file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arm_bags import ArmBag, conversion, write_bag

from groot_ros.cli.main import main
from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.video import VideoWriter, psnr_db
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for each of three episodes."""
    folder = tmp_path_factory.mktemp("v3")
    for number, seconds in enumerate((1.4, 1.7, 1.5)):
        write_bag(folder / "bags" / f"bag_{number}", ArmBag(seconds=seconds).messages())
    convert(conversion(folder / "bags", folder / "v3", format="lerobot-v3"))
    return folder / "v3"


def share_files(apart: Path, shared: Path) -> None:
    """The same dataset with all rows in one file, and all pictures of a camera."""
    dataset = Dataset(apart)
    shutil.copytree(apart / "meta", shared / "meta")
    place: dict[str, Any] = {"chunk_index": 0, "file_index": 0}
    data = shared / dataset.info["data_path"].format(**place)
    data.parent.mkdir(parents=True)
    pq.write_table(
        pa.concat_tables([pq.read_table(episode.data) for episode in dataset.episodes]), data
    )
    table = shared / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    rows = pq.read_table(table).to_pylist()
    for column in dataset.video_columns:
        path = shared / dataset.info["video_path"].format(**place, video_key=column)
        path.parent.mkdir(parents=True)
        height, width, _ = dataset.info["features"][column]["shape"]
        writer = VideoWriter(path, round(dataset.fps), width, height)
        for episode, row in zip(dataset.episodes, rows, strict=True):
            row[f"videos/{column}/from_timestamp"] = writer.frames / dataset.fps
            row |= {f"videos/{column}/{name}": 0 for name in place}
            for picture in episode.videos[column]:
                writer.write(picture)
        writer.close()
    for row in rows:
        row |= {f"data/{name}": 0 for name in place}
    pq.write_table(pa.Table.from_pylist(rows), table)


def test_episodes_that_share_files_are_read_as_those_apart(apart: Path, tmp_path: Path) -> None:
    share_files(apart, tmp_path / "shared")
    assert len(list((tmp_path / "shared").rglob("*.parquet"))) == 3
    assert validate(tmp_path / "shared").problems == []
    one, other = Dataset(tmp_path / "shared"), Dataset(apart)
    for episode, expected in zip(one.episodes, other.episodes, strict=True):
        columns = one.columns(episode)
        for name, values in other.columns(expected).items():
            np.testing.assert_array_equal(columns[name], values)
        for column, clip in episode.videos.items():
            pictures = list(clip)
            assert len(pictures) == expected.length
            for index, picture in enumerate(expected.videos[column]):
                assert psnr_db(pictures[index], picture) > 32
                np.testing.assert_array_equal(clip.picture(index), pictures[index])


def test_a_video_that_is_too_short_for_its_episodes_is_found(apart: Path, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    share_files(apart, shared)
    dataset = Dataset(shared)
    clip = dataset.episodes[1].videos[dataset.video_columns[0]]
    pictures = list(clip)
    writer = VideoWriter(clip.path, round(dataset.fps), pictures[0].shape[1], pictures[0].shape[0])
    for picture in pictures:
        writer.write(picture)
    writer.close()
    problems = validate(shared).problems
    assert any("episode 2" in problem and "has 0 frames" in problem for problem in problems)


def test_where_an_episode_begins_must_be_a_time(apart: Path, tmp_path: Path) -> None:
    shutil.copytree(apart, tmp_path / "bad")
    table = tmp_path / "bad" / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    rows = pq.read_table(table).to_pylist()
    column = json.loads((apart / "meta" / "info.json").read_text())["features"]
    video = next(name for name, feature in column.items() if feature["dtype"] == "video")
    for row in rows:
        row[f"videos/{video}/from_timestamp"] = float("nan")
    pq.write_table(pa.Table.from_pylist(rows), table)
    with pytest.raises(UserError, match="is nan, expected a number in s"):
        _ = Dataset(tmp_path / "bad").episodes


def test_a_split_holds_its_parts_alone(apart: Path, tmp_path: Path) -> None:
    share_files(apart, tmp_path / "shared")
    command = ["dataset", "split", str(tmp_path / "shared"), "--output", str(tmp_path / "parts")]
    assert main([*command, "--fractions", "a=0.6", "b=0.4"]) == 0
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {"a", "b"}
    assert validate(tmp_path / "parts" / "a").problems == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["trim", "--start-s", "-1"], "from -1 s to their end, expected 0 <= start < end"),
        (["trim", "--start-s", "nan"], "from nan s to their end, expected"),
        (["trim", "--start-s", "0.1", "--end-s", "inf"], "from 0.1 s to inf s, expected"),
        (["split", "--seed", "-1", "--fractions", "a=0.5", "b=0.5"], "seed is -1, expected 0"),
        (["split", "--fractions", "a=nan", "b=0.5"], "sum up to nan, expected numbers above 0"),
        (["split", "--fractions", "a=1", "b=0"], "the share of b is 0, expected more than 0"),
    ],
    ids=str,
)
def test_numbers_that_are_none_are_one_sentence(
    options: list[str], sentence: str, apart: Path, tmp_path: Path, capsys: Any
) -> None:
    verb, *others = options
    command = ["dataset", verb, str(apart), *others, "--output", str(tmp_path / "out")]
    assert main(command) == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("", "names no episodes, expected them below a first line episode,instruction"),
        ("0,a\n0-1,b", "line 3: episode 0 has another instruction in a line above"),
        ("0,", "line 2: expected an episode and an instruction"),
    ],
    ids=str,
)
def test_tables_of_instructions_say_one_thing_of_an_episode(
    lines: str, sentence: str, apart: Path, tmp_path: Path, capsys: Any
) -> None:
    table = tmp_path / "words.csv"
    table.write_text(f"episode,instruction\n{lines}\n")
    command = ["dataset", "relabel", str(apart), "--table", str(table), "--dry-run"]
    assert main(command) == 2
    assert sentence in capsys.readouterr().err
