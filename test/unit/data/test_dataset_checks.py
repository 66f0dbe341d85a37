"""JSON of a dataset that is incomplete or nonsense names its file and key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from groot_ros.data.datasets import checks
from groot_ros.data.datasets.reader import Dataset
from groot_ros.errors import UserError
from groot_ros.files.typed import KeyPath, typed

INFO: dict[str, Any] = {
    "codebase_version": "v2.1",
    "fps": 15,
    "chunks_size": 1000,
    "features": {
        "observation.state": {"dtype": "float32", "shape": [2], "names": ["x", "y"]},
        "action": {"dtype": "float32", "shape": [1], "names": ["x"]},
        "observation.images.wrist": {"dtype": "video", "shape": [8, 8, 3]},
    },
    "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
    "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
}


def changed(edit: Callable[[Any], object]) -> dict[str, Any]:
    values = json.loads(json.dumps(INFO))
    edit(values)
    return dict(values)


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda v: v.pop("fps"), "fps is missing"),
        (lambda v: v.update(fps=float("nan")), "fps is nan"),
        (lambda v: v.update(chunks_size=0), "chunks_size is 0, expected a whole number from 1"),
        (lambda v: v.update(features=[]), "features is \\[\\], expected a mapping"),
        (lambda v: v["features"].update(action=3), "features.action is 3, expected a mapping"),
        (lambda v: v["features"]["action"].update(shape="x"), "features.action.shape is 'x'"),
        (lambda v: v["features"]["action"].update(names=["x", "y"]), "not the 1 names"),
        (
            lambda v: v["features"]["observation.images.wrist"].update(shape=[8, 8]),
            "expected height, width and channels",
        ),
        (lambda v: v.update(data_path="/etc/{episode_index}"), "data_path is no short path below"),
        (lambda v: v.update(data_path="../{episode_index}"), "data_path is no short path below"),
        (
            lambda v: v.update(data_path="{episode_index:0999999d}"),
            "has the field 'episode_index'",
        ),
        (lambda v: v.update(data_path="{episode_index.real}"), "has the field 'episode_index.r"),
        (lambda v: v.update(data_path="{episode_index"), "braces that do not match"),
        (lambda v: v.update(video_path=5), "video_path is 5, expected where files lie"),
    ],
)
def test_info_names_its_key(edit: Callable[[Any], object], sentence: str) -> None:
    typed(INFO, checks.Info, KeyPath("info.json"))
    with pytest.raises(UserError, match=f"^info.json: .*{sentence}"):
        typed(changed(edit), checks.Info, KeyPath("info.json"))


@pytest.mark.parametrize(
    ("modality", "sentence"),
    [
        ([], "the file is \\[\\], expected a mapping"),
        ({"state": {"a": {"start": 0}}}, "state.a.end is missing"),
        ({"action": {"a": {"start": 2, "end": 1}}}, "action.a.end is 1, expected more than start"),
        ({"video": {"a": 5}}, "video.a is 5, expected a mapping"),
        ({"state": {"a": {"start": 0.5, "end": 1}}}, "state.a.start is 0.5, expected a whole"),
    ],
)
def test_modality_names_its_key(modality: Any, sentence: str) -> None:
    with pytest.raises(UserError, match=f"modality.json: {sentence}"):
        typed(modality, checks.ModalityFile, KeyPath("modality.json"))


def write(folder: Path, name: str, content: bytes) -> Dataset:
    (folder / "meta").mkdir()
    (folder / "meta/info.json").write_text(json.dumps(INFO))
    (folder / "meta" / name).write_bytes(content)
    return Dataset(folder)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"{}", "episodes.jsonl line 2: episode_index is missing"),
        (b"5", "episodes.jsonl line 2: the file is 5, expected a mapping"),
        (b'{"episode_index": "a"}', "line 2: episode_index is 'a', expected a whole number"),
        (b"{", "episodes.jsonl line 2 is no valid JSON"),
        (b'{"a": "\\ud800"}', "episodes.jsonl line 2 is no valid JSON"),
        (b"\xa4", "is not UTF-8 text"),
    ],
)
def test_a_line_names_its_place(tmp_path: Path, line: bytes, sentence: str) -> None:
    first = b'{"episode_index": 0, "length": 3, "tasks": ["a"]}\n'
    dataset = write(tmp_path, "episodes.jsonl", first + line)
    with pytest.raises(UserError, match=sentence):
        _ = dataset.episodes
