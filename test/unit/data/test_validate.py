"""Every rule of the format, broken once."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from arm_bags import ArmBag, conversion, write_bag

from groot_ros.data.conversion.convert import convert
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError

ROWS = "data/chunk-000/episode_000001.parquet"
VIDEO = "videos/chunk-000/observation.images.wrist_image/episode_000001.mp4"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    for name in ("a", "b"):
        write_bag(folder / "bags" / name, ArmBag(seconds=1.5).messages())
    convert(conversion(folder / "bags", folder / "dataset", codec="ee_rot6d_joints_rel"))
    return folder / "dataset"


@pytest.fixture
def dataset(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "dataset"))


def change_json(name: str, change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        change(content)
        (folder / name).write_text(json.dumps(content))

    return apply


def change_column(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        table = pq.read_table(folder / ROWS)
        values = np.array(table[name].to_pylist())
        changed = pa.array(change(values).tolist(), table.schema.field(name).type)
        index = table.column_names.index(name)
        pq.write_table(table.set_column(index, name, changed), folder / ROWS)

    return apply


def drop_column(name: str) -> Callable[[Path], None]:
    return lambda folder: pq.write_table(
        pq.read_table(folder / ROWS).drop_columns([name]), folder / ROWS
    )


def drop_row(folder: Path) -> None:
    table = pq.read_table(folder / ROWS)
    pq.write_table(table.slice(0, table.num_rows - 1), folder / ROWS)


def shorten_video(folder: Path) -> None:
    source, target = folder / VIDEO, folder / "short.mp4"
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in list(read.demux(video=0))[:8]:
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    target.rename(source)


def tear_video(folder: Path) -> None:
    content = (folder / VIDEO).read_bytes()
    (folder / VIDEO).write_bytes(content[: len(content) // 2])


def with_nan(values: np.ndarray) -> np.ndarray:
    values[3, 2] = np.nan
    return values


def scaled(values: np.ndarray) -> np.ndarray:
    return values * 1.01


BREACHES: dict[str, tuple[Callable[[Path], object], str]] = {
    "parquet missing": (lambda d: (d / ROWS).unlink(), "episode_000001.parquet is missing"),
    "parquet torn": (lambda d: (d / ROWS).write_bytes(b"PAR1"), "parquet cannot be read"),
    "video missing": (lambda d: (d / VIDEO).unlink(), "episode_000001.mp4 is missing"),
    "video torn": (tear_video, "mp4 cannot be"),
    "video too short": (shorten_video, "wrist_image has 8 frames, the rows are"),
    "row missing": (drop_row, "has shape"),
    "column missing": (drop_column("action"), "column action is missing"),
    "column unknown": (
        change_json("meta/info.json", lambda info: info["features"].pop("stamp_ns")),
        "column stamp_ns is not among the features",
    ),
    "number of frames": (
        change_json("meta/info.json", lambda info: info.update(total_frames=7)),
        "total_frames is 7, the dataset holds",
    ),
    "index not monotone": (change_column("index", lambda v: v[::-1]), "index does not count"),
    "wrong episode": (change_column("episode_index", lambda v: v * 0), "episode_index does not"),
    "time": (change_column("timestamp", lambda v: v * 1.1), "timestamp is not frame_index / 15"),
    "task": (change_column("task_index", lambda v: v + 5), "task_index 5 is not in the list"),
    "NaN": (change_column("observation.state", with_nan), "holds NaN or infinity"),
    "statistics": (change_column("action", scaled), r"stats.json: action.mean is off by"),
    "episode's statistics": (
        change_column("action", scaled),
        r"episodes_stats.jsonl: episode 1, action.\w+ is off by",
    ),
    "relative statistics": (
        change_json(
            "meta/relative_stats.json", lambda s: s["ee_pose"].update(min=[[0.0] * 9] * 16)
        ),
        r"relative_stats.json: ee_pose.min is off by",
    ),
    "relative horizon": (
        change_json(
            "meta/relative_stats.json", lambda s: s["ee_pose"].update(min=[[0.0] * 9] * 8)
        ),
        r"ee_pose.min has shape \(8, 9\), expected \(16, 9\)",
    ),
    "modality beyond the columns": (
        change_json("meta/modality.json", lambda m: m["action"]["grip"].update(end=12)),
        r"action.grip is 9:12 of action, size 10",
    ),
    "modality overlaps": (
        change_json("meta/modality.json", lambda m: m["state"]["grip"].update(end=2)),
        "keys of state overlap",
    ),
    "modality without video": (
        change_json("meta/modality.json", lambda m: m["video"].update(top={})),
        "video.top is observation.images.top, which is no video",
    ),
    "modality without annotation": (
        change_json("meta/modality.json", lambda m: m["annotation"].update(x={})),
        "annotation.x is annotation.x, which is no column",
    ),
    "modality missing": (
        lambda d: (d / "meta/modality.json").unlink(),
        "modality.json is missing",
    ),
    "no JSON": (
        lambda d: (d / "meta/stats.json").write_text("{"),
        "stats.json is no valid JSON",
    ),
}


def test_good_dataset(good: Path) -> None:
    found = validate(good)
    assert found.problems == [] and found.exit_code == 0
    assert (found.episodes, found.frames) == (2, 2 * 23)


@pytest.mark.parametrize("breach", BREACHES)
def test_breach_is_found(dataset: Path, breach: str) -> None:
    apply, sentence = BREACHES[breach]
    apply(dataset)
    found = validate(dataset)
    assert found.exit_code == 1
    assert any(re.search(sentence, problem) for problem in found.problems), found


def test_folder_that_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a dataset, expected a folder with meta/info.json"):
        validate(tmp_path)
