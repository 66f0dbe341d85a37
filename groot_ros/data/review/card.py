"""Cards for the hub: what a dataset or a checkpoint is, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from groot_ros.data.datasets.reader import Dataset
from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.model.checkpoint.metadata import DATASETS, EMBODIMENTS
from groot_ros.robot.config import robot_names

EVALUATION = "evaluation.json"
"""What `groot-ros evaluate` writes of a checkpoint."""
REMEDY = "run groot-ros evaluate again"
SHOWN_TASKS = 20


def dataset_card(path: Path, repo: str) -> str:
    """What `dataset_facts` are, and how to train with it from `owner/name`."""
    use = f"groot-ros train --input_path hf://datasets/{repo} --output_path runs --exp_name a"
    rows = dataset_facts(Dataset(path))
    return _card(repo, rows, use, {"task_categories": ["robotics"]})


def dataset_facts(dataset: Dataset) -> list[tuple[str, Any]]:
    """Robot, codec, size and instructions of a dataset of any maker."""
    own = dataset.own
    frames = sum(episode.length for episode in dataset.episodes)
    tasks = sorted(set(dataset.tasks.values()))
    return [
        ("robot", own.get("robot") or dataset.info.get("robot_type") or "not said"),
        ("codec", own.get("codec", "none: `groot-ros codec draft --dataset` writes one")),
        ("format", f"LeRobot {dataset.info['codebase_version']}"),
        ("episodes", f"{len(dataset.episodes)}, {frames / dataset.fps / 60:.1f} min"),
        ("steps", f"{frames} at {dataset.fps:g} Hz"),
        ("pictures", ", ".join(dataset.picture_columns)),
        (
            "instructions",
            "; ".join(tasks[:SHOWN_TASKS]) + ("; ..." if tasks[SHOWN_TASKS:] else ""),
        ),
    ]


def checkpoint_card(repo: str, metadata: Mapping[str, Any], evaluation: Path) -> str:
    """Robot, codec and training data of a checkpoint by its `groot_ros.json`, how often it
    succeeded by the results in the folder `evaluation`, if there are any, and how to run it from
    `owner/name`."""
    rows = [
        ("robot", _of_each(metadata, "robot") or "not said"),
        (
            "codec",
            _of_each(metadata, "codec") or "none: `groot-ros codec draft --checkpoint` writes one",
        ),
        ("steps", f"{metadata['action_rate_hz']:g} Hz" if "action_rate_hz" in metadata else "?"),
        ("dataset", _trained_on(metadata)),
        ("success", _success(evaluation)),
    ]
    # Of a robot of one's own a checkpoint knows the name, not the file.
    robot = metadata.get("robot")
    robot = robot if robot in robot_names() else "YOUR_ROBOT.yaml"
    use = f"ros2 launch groot_ros policy.launch.py robot:={robot} checkpoints_dir:=hf://{repo}"
    return _card(repo, rows, use, {"pipeline_tag": "robotics"})


def _of_each(metadata: Mapping[str, Any], key: str) -> str:
    """What a checkpoint says, or says of each robot that it was trained with."""
    entries = (metadata.get(EMBODIMENTS) or {}).values()
    found = [entry[key] for entry in (metadata, *entries) if key in entry]
    return ", ".join(dict.fromkeys(found))


def _trained_on(metadata: Mapping[str, Any]) -> str:
    data = metadata.get("dataset")
    if not data:
        return "?"
    named = ", ".join(f"`{name}`" for name in metadata.get(DATASETS, ()))
    return f"{named}{': ' if named else ''}{data['episodes']} episodes, {data['frames']} steps"


def _success(path: Path) -> str:
    file = path / EVALUATION
    if not file.is_file():
        return "not measured"
    found = read_json(file, REMEDY)
    try:
        low, high = found["interval"]
        return (
            f"{found['successes']} of {found['episodes']} in simulation "
            f"({100 * low:.0f} to {100 * high:.0f} % with 95 % confidence)"
        )
    except (LookupError, TypeError, ValueError):
        raise UserError(f"{file} is no evaluation: {REMEDY}") from None


def _card(name: str, rows: Sequence[tuple[str, object]], use: str, keys: Mapping[str, Any]) -> str:
    head = yaml.safe_dump({"tags": ["robotics", "gr00t", "groot_ros"], **keys}, sort_keys=False)
    table = "\n".join(f"| {what} | {str(value).replace('|', '/')} |" for what, value in rows)
    return f"---\n{head}---\n# {name}\n\n| | |\n|---|---|\n{table}\n\n```bash\n{use}\n```\n"
