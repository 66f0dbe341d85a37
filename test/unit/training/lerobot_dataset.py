"""Datasets as LeRobot's own tools write them for an SO-101: no modality.json, degrees."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from groot_ros.data.datasets.video import VideoWriter

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
LENGTHS = (24, 31)
FPS, SIZE = 15, (48, 64)
CAMERA = "observation.images.wrist"
TASKS = ("pick the cube", "put it down")


@dataclass(frozen=True, kw_only=True)
class Flavour:
    """How it is laid out: format v2.1 or v3, pictures as videos or in the tables, and how the
    names of numbers are told."""

    v3: bool = False
    stills: bool = False
    names: Any = None


def joints(episode: int) -> np.ndarray:
    """Observed joints (T, 6) in degrees, the gripper from 0 to 100."""
    t = np.arange(LENGTHS[episode])[:, None] / FPS
    arm = 40.0 * np.sin(t * np.arange(1, 6) + episode)
    grip = 50.0 + 50.0 * np.sin(3.0 * t + episode)
    return np.concatenate([arm, grip], axis=1).astype(np.float32)


def picture(episode: int, frame: int) -> np.ndarray:
    """Picture (H, W, 3) that tells episode and frame by its brightness."""
    return np.full((*SIZE, 3), 40 + 100 * episode + 3 * frame, np.uint8)


def write(path: Path, flavour: Flavour) -> Path:
    """Two episodes of two tasks."""
    tables = [_rows(index, flavour) for index in range(len(LENGTHS))]
    if flavour.v3:
        _write_table(path / "data" / "chunk-000" / "file-000.parquet", pa.concat_tables(tables))
    else:
        for index, table in enumerate(tables):
            name = f"episode_{index:06d}.parquet"
            _write_table(path / "data" / "chunk-000" / name, table)
    if not flavour.stills:
        _write_videos(path, flavour)
    (_write_v3 if flavour.v3 else _write_v21)(path, flavour)
    return path


def _rows(index: int, flavour: Flavour) -> pa.Table:
    count, first = LENGTHS[index], sum(LENGTHS[:index])
    frame = np.arange(count)
    state = joints(index)
    columns: dict[str, Any] = {
        "observation.state": list(state),
        # The leader's joints lead by a degree.
        "action": list(state + np.float32(1.0)),
        "timestamp": (frame / FPS).astype(np.float32),
        "frame_index": frame,
        "episode_index": np.full(count, index),
        "index": first + frame,
        "task_index": np.full(count, index),
    }
    if flavour.stills:
        coded = [cv2.imencode(".png", picture(index, i))[1].tobytes() for i in range(count)]
        columns[CAMERA] = [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(coded)]
    return pa.table(columns)


def _write_table(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def _write_videos(path: Path, flavour: Flavour) -> None:
    writer = None
    for index, count in enumerate(LENGTHS):
        if writer is None:
            file = path / "videos" / "chunk-000" / CAMERA / f"episode_{index:06d}.mp4"
            if flavour.v3:
                file = path / "videos" / CAMERA / "chunk-000" / "file-000.mp4"
            file.parent.mkdir(parents=True, exist_ok=True)
            writer = VideoWriter(file, FPS, SIZE[1], SIZE[0])
        for frame in range(count):
            writer.write(picture(index, frame))
        if not flavour.v3 or index == len(LENGTHS) - 1:
            writer.close()
            writer = None


def _info(flavour: Flavour) -> dict[str, Any]:
    numbers = {"dtype": "float32", "shape": [len(JOINTS)], "names": flavour.names}
    scalars = ("timestamp", "frame_index", "episode_index", "index", "task_index")
    return {
        "codebase_version": "v3.0" if flavour.v3 else "v2.1",
        "robot_type": "so101_follower",
        "total_episodes": len(LENGTHS),
        "total_frames": sum(LENGTHS),
        "total_tasks": len(TASKS),
        "total_videos": 0 if flavour.stills else len(LENGTHS),
        "total_chunks": 1,
        "chunks_size": 1000,
        "fps": FPS,
        "splits": {"train": f"0:{len(LENGTHS)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
        if flavour.v3
        else "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
        if flavour.v3
        else "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "features": {
            "observation.state": numbers,
            "action": numbers,
            CAMERA: {
                "dtype": "image" if flavour.stills else "video",
                "shape": [*SIZE, 3],
                "names": ["height", "width", "channels"],
            },
            **{
                name: {
                    "dtype": "float32" if name == "timestamp" else "int64",
                    "shape": [1],
                    "names": None,
                }
                for name in scalars
            },
        },
    }


def _write_v21(path: Path, flavour: Flavour) -> None:
    meta = path / "meta"
    meta.mkdir(parents=True)
    (meta / "info.json").write_text(json.dumps(_info(flavour)))
    episodes = [
        {"episode_index": i, "tasks": [TASKS[i]], "length": count}
        for i, count in enumerate(LENGTHS)
    ]
    tasks = [{"task_index": i, "task": task} for i, task in enumerate(TASKS)]
    for name, lines in (("episodes", episodes), ("tasks", tasks)):
        (meta / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _write_v3(path: Path, flavour: Flavour) -> None:
    (path / "meta").mkdir(parents=True)
    (path / "meta" / "info.json").write_text(json.dumps(_info(flavour)))
    tasks = pa.table({"task_index": list(range(len(TASKS))), "__index_level_0__": list(TASKS)})
    pq.write_table(tasks, path / "meta" / "tasks.parquet")
    rows = []
    for index, count in enumerate(LENGTHS):
        first = sum(LENGTHS[:index])
        row = {
            "episode_index": index,
            "tasks": [TASKS[index]],
            "length": count,
            "data/chunk_index": 0,
            "data/file_index": 0,
            "dataset_from_index": first,
            "dataset_to_index": first + count,
        }
        if not flavour.stills:
            row |= {
                f"videos/{CAMERA}/chunk_index": 0,
                f"videos/{CAMERA}/file_index": 0,
                f"videos/{CAMERA}/from_timestamp": first / FPS,
                f"videos/{CAMERA}/to_timestamp": (first + count) / FPS,
            }
        rows.append(row)
    _write_table(
        path / "meta" / "episodes" / "chunk-000" / "file-000.parquet", pa.Table.from_pylist(rows)
    )
