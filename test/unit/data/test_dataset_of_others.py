"""Datasets of other makers: files that hold many episodes, no groot_ros.json, no statistics."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arm_bags import INSTRUCTION, ArmBag, conversion, picture, write_bag
from test_shared_files import share_files

from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.clips import Clip
from groot_ros.data.datasets.edits import Edit
from groot_ros.data.datasets.pieces import picture_statistics
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.scheduling import FOREMOST, unhurried
from groot_ros.data.datasets.statistics import column_statistics
from groot_ros.data.datasets.video import psnr_db
from groot_ros.data.datasets.video_cuts import cut_video
from groot_ros.data.datasets.writer import STATE, STATISTICS
from groot_ros.data.editing.choice import Choice
from groot_ros.data.editing.operations import (
    Target,
    change,
    convert_format,
    delete,
    merge,
    recompute,
    relabel,
    split,
)
from groot_ros.data.editing.split import by_episodes
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError

OWN_FILES = ("groot_ros.json", "stats.json", "relative_stats.json", "modality.json")
VALID = "annotation.human.validity"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    for number, seconds in enumerate((1.4, 1.7, 1.5)):
        write_bag(folder / "bags" / f"bag_{number}", ArmBag(seconds=seconds).messages())
    convert(conversion(folder / "bags", folder / "v3", format="lerobot-v3"))
    convert(conversion(folder / "bags", folder / "v21"))
    return folder


@pytest.fixture(scope="module")
def shared(ours: Path) -> Path:
    """Format v3: one file of rows, one for each camera, two tables of episodes, no statistics,
    a column of texts and one of ours."""
    dataset = ours / "shared"
    share_files(ours / "v3", dataset)
    for name in OWN_FILES:
        (dataset / "meta" / name).unlink(missing_ok=True)
    table = dataset / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    rows = [
        {name: value for name, value in row.items() if not name.startswith("stats/")}
        | {"operator": f"person {row['episode_index']}"}
        for row in pq.read_table(table).to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(rows[:2]), table)
    pq.write_table(pa.Table.from_pylist(rows[2:]), table.with_name("file-001.parquet"))
    data = next((dataset / "data").rglob("*.parquet"))
    content = pq.read_table(data)
    pq.write_table(content.append_column("note", pa.array(["a"] * len(content))), data)
    info = json.loads((dataset / "meta" / "info.json").read_text())
    info["features"]["note"] = {"dtype": "string", "shape": [1], "names": None}
    info["made_with"] = "another tool"
    (dataset / "meta" / "info.json").write_text(json.dumps(info))
    return dataset


def assert_taken(found: Path, expected: Path, taken: list[int], least_db: float) -> None:
    """Rows and pictures are those of some of the episodes, a file for each."""
    dataset, other = Dataset(found), Dataset(expected)
    assert len({episode.data for episode in dataset.episodes}) == len(taken)
    for episode, index in zip(dataset.episodes, taken, strict=True):
        origin = other.episodes[index]
        mine, theirs = dataset.columns(episode), other.columns(origin)
        for name in theirs.keys() - {"episode_index", "index", "task_index"}:
            np.testing.assert_array_equal(mine[name], theirs[name])
        for column, clip in episode.videos.items():
            assert clip.first == 0
            pictures = list(zip(clip, origin.videos[column], strict=True))
            assert len(pictures) == episode.length
            assert min(psnr_db(*pair) for pair in pictures) > least_db


def test_episodes_are_taken_out_of_shared_files(shared: Path, tmp_path: Path) -> None:
    delete(shared, Choice(episodes="1"), Target(output=tmp_path / "less"))
    assert_taken(tmp_path / "less", shared, [0, 2], 38)
    found = Dataset(tmp_path / "less")
    assert found.info["made_with"] == "another tool"
    assert [episode.extra for episode in found.episodes] == [
        {"operator": "person 0"},
        {"operator": "person 2"},
    ]
    states = np.concatenate([found.columns(episode)[STATE] for episode in found.episodes])
    assert found.json(STATISTICS)[STATE] == column_statistics(states)
    assert validate(tmp_path / "less").problems == []


def test_missing_statistics_are_made(shared: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    recompute(shared, Target(output=made), pictures=False)
    found = Dataset(made)
    for episode in found.episodes:
        for column, clip in episode.videos.items():
            known = found.episode_statistics[episode.index][column]
            assert known == picture_statistics(clip)
            assert found.json(STATISTICS)[column]["count"][0] > 0


def test_parts_of_others_make_the_whole_again(shared: Path, tmp_path: Path) -> None:
    parts = {"a": "0-1", "b": "2"}
    split(shared, lambda d: by_episodes(d, parts), tmp_path / "parts", Target())
    merge([tmp_path / "parts" / name for name in parts], Target(output=tmp_path / "whole"))
    assert_taken(tmp_path / "whole", shared, [0, 1, 2], 38)
    change(tmp_path / "whole", lambda _: {1: Edit(start=4, end=20)}, Target())
    [_, trimmed, _] = Dataset(tmp_path / "whole").episodes
    before = Dataset(shared)
    rows = before.columns(before.episodes[1])[STATE][4:20]
    np.testing.assert_array_equal(Dataset(tmp_path / "whole").columns(trimmed)[STATE], rows)


def test_another_format_has_a_file_for_each_episode(shared: Path, tmp_path: Path) -> None:
    convert_format(shared, "gr00t", Target(output=tmp_path / "v21"))
    assert_taken(tmp_path / "v21", shared, [0, 1, 2], 38)
    assert Dataset(tmp_path / "v21").info["codebase_version"] == "v2.1"
    with pytest.raises(UserError, match="convert .*v21 --format lerobot-v3"):
        merge([shared, tmp_path / "v21"], Target(output=tmp_path / "both"))


def test_success_needs_a_place(shared: Path, tmp_path: Path) -> None:
    dataset = Path(shutil.copytree(shared, tmp_path / "set"))
    data = next((dataset / "data").rglob("*.parquet"))
    pq.write_table(pq.read_table(data).drop_columns(["next.reward"]), data)
    info = json.loads((dataset / "meta" / "info.json").read_text())
    del info["features"]["next.reward"]
    (dataset / "meta" / "info.json").write_text(json.dumps(info))
    with pytest.raises(UserError, match="has no column next.reward"):
        change(dataset, lambda _: {0: Edit(success=True)}, Target())


@pytest.fixture
def annotated(ours: Path, tmp_path: Path) -> Path:
    """Format v2.1 with a second column of tasks, without statistics of episodes."""
    dataset = Path(shutil.copytree(ours / "v21", tmp_path / "annotated"))
    meta = dataset / "meta"
    for name in ("groot_ros.json", "episodes_stats.jsonl"):
        (meta / name).unlink()
    with (meta / "tasks.jsonl").open("a") as file:
        file.write('{"task_index": 1, "task": "valid"}\n')
    for path in (dataset / "data").rglob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.append_column(VALID, pa.array(np.ones(len(table), int))), path)
    lines = [json.loads(line) for line in (meta / "episodes.jsonl").read_text().splitlines()]
    changed = [line | {"tasks": [INSTRUCTION, "valid"], "trajectory": 7} for line in lines]
    (meta / "episodes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in changed))
    for name, key, value in (
        ("modality.json", "annotation", {"human.validity": {}}),
        ("info.json", "features", {VALID: {"dtype": "int64", "shape": [1], "names": None}}),
    ):
        content: dict[str, Any] = json.loads((meta / name).read_text())
        content[key] |= value
        (meta / name).write_text(json.dumps(content))
    return dataset


def test_other_annotations_stay_what_they_say(annotated: Path, tmp_path: Path) -> None:
    relabel(annotated, Choice(episodes="0"), "fold it", Target(output=tmp_path / "new"))
    found = Dataset(tmp_path / "new")
    said = []
    for episode in found.episodes:
        columns = found.columns(episode)
        [task], [valid] = (set(columns[name].tolist()) for name in ("task_index", VALID))
        said.append((found.tasks[task], found.tasks[valid], *episode.tasks, episode.extra))
    extra = {"trajectory": 7}
    assert said == [
        ("fold it", "valid", "fold it", "valid", extra),
        (INSTRUCTION, "valid", INSTRUCTION, "valid", extra),
        (INSTRUCTION, "valid", INSTRUCTION, "valid", extra),
    ]
    assert validate(tmp_path / "new").problems == []


def encode_av1(path: Path, frames: int) -> None:
    """A video as LeRobot writes it: AV1, a key frame every second one."""
    with unhurried(), av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libsvtav1", rate=30, options={"crf": "30", "g": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(index / 10, "wrist"), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("first", [4, 5])
def test_videos_of_other_codecs_are_cut(tmp_path: Path, first: int) -> None:
    encode_av1(tmp_path / "whole.mp4", 20)
    clip = Clip(tmp_path / "whole.mp4", first, 9, 30.0)
    is_copy = cut_video(clip, tmp_path / "cut.mp4")
    # As root, that encoder asks to go before all others of the machine.
    tasks = [int(task) for task in os.listdir("/proc/self/task")]
    assert FOREMOST not in {os.sched_getparam(task).sched_priority for task in tasks}
    assert is_copy == (first == 4)
    whole, cut = list(Clip(clip.path, 0, 20, 30.0)), list(Clip(tmp_path / "cut.mp4", 0, 9, 30.0))
    assert len(cut) == 9
    for shown, expected in zip(cut, whole[first : first + 9], strict=True):
        assert np.array_equal(shown, expected) if is_copy else psnr_db(shown, expected) > 35


def test_a_clip_that_is_not_there_is_named(tmp_path: Path) -> None:
    encode_av1(tmp_path / "whole.mp4", 8)
    with pytest.raises(UserError, match="has 2 frames from frame 6 on, expected 5"):
        cut_video(Clip(tmp_path / "whole.mp4", 6, 5, 30.0), tmp_path / "cut.mp4")


STILL = "observation.images.wrist_image"


@pytest.fixture
def stills(annotated: Path) -> Path:
    """Pictures of one camera in the rows, as PNG."""
    dataset = Dataset(annotated)
    for episode in dataset.episodes:
        clip = episode.videos[STILL]
        files = [{"bytes": cv2.imencode(".png", p)[1].tobytes(), "path": ""} for p in clip]
        table = pq.read_table(episode.data).append_column(STILL, pa.array(files))
        pq.write_table(table, episode.data)
        clip.path.unlink()
    info = json.loads((annotated / "meta" / "info.json").read_text())
    info["features"][STILL]["dtype"] = "image"
    info["total_videos"] = len(dataset.episodes)
    (annotated / "meta" / "info.json").write_text(json.dumps(info))
    return annotated


def test_pictures_in_rows_go_with_them(stills: Path, tmp_path: Path) -> None:
    edits = {0: Edit(start=3, end=19), 1: Edit(discard=True)}
    change(stills, lambda _: edits, Target(output=tmp_path / "new"))
    recompute(tmp_path / "new", Target(), pictures=False)
    before, after = Dataset(stills), Dataset(tmp_path / "new")
    kept = list(before.episodes[0].stills[STILL])[3:19]
    for shown, expected in zip(after.episodes[0].stills[STILL], kept, strict=True):
        np.testing.assert_array_equal(shown, expected)
    assert after.episode_statistics[0][STILL] == picture_statistics(kept)
    assert validate(tmp_path / "new").problems == []
    convert_format(tmp_path / "new", "lerobot-v3", Target(output=tmp_path / "v3"))
    assert validate(tmp_path / "v3").problems == []
    assert Dataset(tmp_path / "v3").json(STATISTICS)[STILL]["count"] == [2 + 3]
