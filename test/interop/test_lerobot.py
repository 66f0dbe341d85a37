"""LeRobot's loader (0.4.4) and our reader at the same rows, of datasets of both.

It reads format v3 alone; what is in v2.1 is converted first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arm_bags import ArmBag, conversion, write_bag

from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.edits import Edit, EditEntry, EditList
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.video import psnr_db
from groot_ros.data.editing.choice import Choice
from groot_ros.data.editing.operations import (
    Target,
    apply,
    change,
    convert_format,
    delete,
    merge,
    recompute,
    relabel,
    split,
)
from groot_ros.data.editing.split import by_fractions

LEROBOT = (
    ("torch==2.13.0",),
    ("--no-deps", "lerobot==0.4.4", "accelerate", "safetensors", "psutil", "pyyaml"),
    (
        "datasets>=4,<4.2",
        "huggingface-hub",
        "pyarrow",
        "pandas",
        "numpy",
        "av",
        "jsonlines",
        "pillow",
        "einops",
        "draccus==0.10.0",
        "packaging",
        "deepdiff",
        "torchvision==0.28.0",
    ),
)
ROWS = 12


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two datasets in format v3 and one in v2.1, of four episodes in all."""
    folder = tmp_path_factory.mktemp("lerobot")
    for number in range(4):
        write_bag(folder / f"bags_{number // 2}" / f"bag_{number}", bag(number).messages())
    for number in range(2):
        convert(conversion(folder / f"bags_{number}", folder / f"v3_{number}", format=V3))
    convert(conversion(folder / "bags_0", folder / "v21"))
    return folder


V3 = "lerobot-v3"


def bag(number: int) -> ArmBag:
    return ArmBag(seconds=1.4 + 0.2 * number)


def converted(folder: Path, output: Path) -> Path:
    return folder / "v3_0"


def merged(folder: Path, output: Path) -> Path:
    merge([folder / "v3_0", folder / "v3_1"], Target(output=output))
    return output


def deleted(folder: Path, output: Path) -> Path:
    delete(folder / "v3_0", Choice(episodes="0"), Target(output=output))
    return output


def trimmed(folder: Path, output: Path) -> Path:
    change(folder / "v3_0", lambda _: {0: Edit(start=5, end=14)}, Target(output=output))
    return output


def divided(folder: Path, output: Path) -> Path:
    halves = {"train": 0.5, "test": 0.5}
    split(folder / "v3_0", lambda found: by_fractions(found, halves, 0), output, Target())
    return output / "test"


def relabelled(folder: Path, output: Path) -> Path:
    relabel(folder / "v3_0", Choice(episodes="1"), "put it “back”", Target(output=output))
    return output


def measured(folder: Path, output: Path) -> Path:
    recompute(folder / "v3_0", Target(output=output), pictures=True)
    return output


def applied(folder: Path, output: Path) -> Path:
    edits = folder / "edits.json"
    changes = {"0": Edit(discard=True), "1": Edit(start=3, instruction="lift it")}
    EditList({name: EditEntry(edit) for name, edit in changes.items()}).write(edits)
    apply(folder / "v3_0", edits, Target(output=output))
    return output


def from_v21(folder: Path, output: Path) -> Path:
    convert_format(folder / "v21", V3, Target(output=output))
    return output


MADE = [converted, merged, deleted, trimmed, divided, relabelled, measured, applied, from_v21]


@pytest.mark.parametrize("make", MADE)
def test_lerobots_loader_reads_what_ours_does(
    environment: Any, recorded: Path, tmp_path: Path, make: Callable[[Path, Path], Path]
) -> None:
    theirs = environment("lerobot", *LEROBOT)
    path = make(recorded, tmp_path / "made")
    ours = Dataset(path)
    total = sum(episode.length for episode in ours.episodes)
    chosen = np.random.default_rng(0).choice(total, min(ROWS, total), replace=False)
    got = loaded(theirs, path, tmp_path, chosen)
    assert (got["length"], got["episodes"]) == (total, len(ours.episodes))
    assert got["fps"] == ours.fps
    compare(got, ours, chosen)


def test_our_reader_reads_what_lerobot_writes(environment: Any, tmp_path: Path) -> None:
    theirs = environment("lerobot", *LEROBOT)
    path = tmp_path / "theirs"
    theirs.run("lerobot_writer.py", path)
    ours = Dataset(path)
    assert [episode.length for episode in ours.episodes] == [12, 9]
    chosen = np.random.default_rng(0).choice(21, ROWS, replace=False)
    compare(loaded(theirs, path, tmp_path, chosen), ours, chosen)


def loaded(theirs: Any, path: Path, folder: Path, chosen: np.ndarray) -> dict[str, Any]:
    theirs.run("lerobot_loader.py", path, folder / "rows.npz", *chosen)
    with np.load(folder / "rows.npz") as saved:
        return {key: saved[key] for key in saved.files}


def compare(got: dict[str, Any], ours: Dataset, chosen: np.ndarray) -> None:
    """Numbers are equal, pictures as two decoders of one video are."""
    rows = dict(enumerate(rows_of(ours)))
    for index in chosen:
        row = rows[int(index)]
        for key in ("observation.state", "action"):
            np.testing.assert_array_equal(got[f"{index}/{key}"], row[key])
        assert int(got[f"{index}/episode_index"]) == row["episode_index"]
        assert str(got[f"{index}/task"]) == row["task"]
        for key, picture in row["pictures"].items():
            there = np.moveaxis(np.asarray(got[f"{index}/{key}"]) * 255, 0, -1)
            assert psnr_db(np.rint(there).astype(np.uint8), picture()) > 40


def rows_of(ours: Dataset) -> Iterator[dict[str, Any]]:
    for episode in ours.episodes:
        columns = ours.columns(episode)
        for step in range(episode.length):
            yield {
                "observation.state": np.asarray(columns["observation.state"][step], np.float32),
                "action": np.asarray(columns["action"][step], np.float32),
                "episode_index": episode.index,
                "task": ours.tasks[int(columns["task_index"][step])],
                "pictures": {
                    key: lambda clip=clip, step=step: clip.picture(step)
                    for key, clip in episode.pictures.items()
                },
            }
