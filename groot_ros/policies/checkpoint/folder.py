"""Finding the checkpoint that a user means."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from groot_ros.codecs.catalog import carried_codec
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.files.hub import local_folder
from groot_ros.files.json_file import read_json
from groot_ros.files.typed import KeyPath, typed
from groot_ros.model.checkpoint.files import other_weights
from groot_ros.model.checkpoint.metadata import EMBODIMENTS, MetadataFile
from groot_ros.share import share_file, user_path

SHIPPED = "pretrained/sim_pick"
OWN_METADATA = "groot_ros.json"
_STEP = re.compile(r"checkpoint-(\d+)")
# Where LeRobot's training keeps them: RUN/checkpoints/020000/pretrained_model.
LEROBOT_STEPS, LEROBOT_MODEL = "checkpoints", "pretrained_model"


def find_checkpoint(checkpoints_dir: str | Path, checkpoint: str = "") -> Path:
    """The checkpoint folder in an experiment folder, or the folder itself when it is one.

    `checkpoint` is the step (zero-padded or not) or the name of a folder below, such as
    `checkpoint-N`, a task's or `task/checkpoint-N`; empty picks the highest step, or what lies in
    the only folder that holds a checkpoint. `hf://owner/name` is fetched from the hub. UserError
    lists what is there.
    """
    root = user_path(local_folder(checkpoints_dir, "model"))
    if not os.path.isdir(root):
        raise UserError(
            f"checkpoints_dir {str(checkpoints_dir)!r} is not a folder: give the "
            "folder of a checkpoint or of an experiment with checkpoint-N inside"
        )
    if not checkpoint:
        return _newest(root)
    steps = checkpoint_steps(root)
    if (match := re.fullmatch(r"(?:checkpoint-)?(\d+)", checkpoint)) and int(match[1]) in steps:
        return steps[int(match[1])]
    # It may be no name that a folder can have, which os.path bears.
    if os.path.isdir(os.path.join(root, checkpoint)):
        below = root / checkpoint
        if root.resolve() in below.resolve().parents and _inside(below):
            return _newest(below)
    names = [path.relative_to(root) for _, path in sorted(steps.items())] or [
        path.relative_to(root) for path in _tasks(root)
    ]
    found_names = ", ".join(map(str, names)) or "no checkpoint-N folder"
    raise UserError(f"{root} has no checkpoint {checkpoint!r}, found {found_names}")


def checkpoint_steps(root: Path) -> dict[int, Path]:
    """The checkpoints of an experiment folder by their steps: NVIDIA's, ours, LeRobot's."""
    steps = {
        int(match[1]): path
        for path in sorted(root.iterdir())
        if path.is_dir() and (match := _STEP.fullmatch(path.name))
    }
    for folder in (root, root / LEROBOT_STEPS):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.isdecimal() and _is_checkpoint(path / LEROBOT_MODEL):
                steps.setdefault(int(path.name), path / LEROBOT_MODEL)
    return steps


def _is_checkpoint(folder: Path) -> bool:
    return os.path.isfile(folder / "config.json")


def _inside(folder: Path) -> list[Path]:
    """The newest checkpoint of a folder, or the folder itself; those of its tasks else."""
    if steps := checkpoint_steps(folder):
        return [steps[max(steps)]]
    for own in (folder, folder / LEROBOT_MODEL):
        if _is_checkpoint(own):
            return [own]
    return _tasks(folder)


def _tasks(folder: Path) -> list[Path]:
    """Folders just below that hold checkpoints: of the tasks of a collection."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and (_is_checkpoint(path) or checkpoint_steps(path))
    ]


def _newest(root: Path) -> Path:
    found = _inside(root)
    if len(found) == 1:
        return found[0] if _is_checkpoint(found[0]) else _newest(found[0])
    if found:
        names = ", ".join(path.name for path in found)
        raise UserError(
            f"{root} holds the checkpoints of several tasks, {names}: give one of these folders, "
            f"such as {found[0]}"
        )
    raise UserError(
        f"{root} holds neither config.json nor a checkpoint-N folder: "
        + (other_weights(root) or "give the folder of a GR00T checkpoint or of an experiment")
    )


def shipped_checkpoint() -> Path:
    """A small GR00T that picks up the red cube with the simulated arm."""
    return share_file(SHIPPED)


def checkpoint_variant(checkpoint: Path, robot: str = "") -> str:
    """The variant that a checkpoint folder of ours says it was trained as, empty for others.

    Of one that was trained with several robots the embodiment of this one.
    """
    own = typed(_own(checkpoint), MetadataFile, KeyPath(str(checkpoint / OWN_METADATA)))
    if own.embodiments is not None:
        of_robot = [tag for tag, entry in own.embodiments.items() if entry.robot == robot]
        return of_robot[0] if len(of_robot) == 1 else ""
    return own.variant or ""


def checkpoint_codec(checkpoint: Path, variant: str = "") -> CodecFile | None:
    """The codec that a checkpoint folder carries, or whose name it says; None for neither.

    One that was trained with several robots carries a codec of each: `variant` is then the name
    of an embodiment, or of a codec that only one of them has.
    """
    codecs = checkpoint_codecs(checkpoint)
    if not codecs:
        return carried_codec(_own(checkpoint), str(checkpoint / OWN_METADATA))
    if variant in codecs:
        return codecs[variant]
    named = [codec for codec in codecs.values() if codec.name == variant]
    return named[0] if len(named) == 1 else None


def checkpoint_codecs(checkpoint: Path) -> dict[str, CodecFile]:
    """The codec of each embodiment of a checkpoint that was trained with several robots."""
    own, source = _own(checkpoint), str(checkpoint / OWN_METADATA)
    typed(own, MetadataFile, KeyPath(source))
    codecs = {t: carried_codec(entry, source) for t, entry in (own.get(EMBODIMENTS) or {}).items()}
    return {tag: codec for tag, codec in codecs.items() if codec}


def _own(checkpoint: Path) -> dict[str, Any]:
    """What a checkpoint says of itself, nothing where it comes from elsewhere."""
    file = checkpoint / OWN_METADATA
    return read_json(file, "what groot-ros wrote") if file.is_file() else {}
