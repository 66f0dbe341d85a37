"""Finding the checkpoint that a user means."""

from __future__ import annotations

import os
import re
from pathlib import Path

from groot_ros.codecs.catalog import carried_codec
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.robot.section import Section
from groot_ros.share import share_file, user_path

SHIPPED = "pretrained/sim_pick"
OWN_METADATA = "groot_ros.json"
_STEP = re.compile(r"checkpoint-(\d+)")


def find_checkpoint(checkpoints_dir: str | Path, checkpoint: str = "") -> Path:
    """The checkpoint folder in an experiment folder, or the folder itself when it is one.

    `checkpoint` is the name or the step (zero-padded or not) of a `checkpoint-N` folder; empty
    picks the highest step. UserError lists what is there.
    """
    root = user_path(checkpoints_dir)
    if not os.path.isdir(root):
        raise UserError(
            f"checkpoints_dir {str(checkpoints_dir)!r} is not a folder: give the "
            "folder of a checkpoint or of an experiment with checkpoint-N inside"
        )
    steps = checkpoint_steps(root)
    if not checkpoint:
        return _newest(root, steps)
    if match := re.fullmatch(r"(?:checkpoint-)?(\d+)", checkpoint):
        if (step := int(match[1])) in steps:
            return steps[step]
    elif (root / checkpoint / "config.json").is_file():
        return root / checkpoint
    found = ", ".join(path.name for _, path in sorted(steps.items())) or "no checkpoint-N folder"
    raise UserError(f"{root} has no checkpoint {checkpoint!r}, found {found}")


def checkpoint_steps(root: Path) -> dict[int, Path]:
    """The `checkpoint-N` folders of an experiment folder by their N."""
    return {
        int(match[1]): path
        for path in sorted(root.iterdir())
        if path.is_dir() and (match := _STEP.fullmatch(path.name))
    }


def _newest(root: Path, steps: dict[int, Path]) -> Path:
    if steps:
        return steps[max(steps)]
    if (root / "config.json").is_file():
        return root
    raise UserError(
        f"{root} holds neither config.json nor a checkpoint-N folder: give the folder of a GR00T "
        "checkpoint or of an experiment"
    )


def shipped_checkpoint() -> Path:
    """A small GR00T that picks up the red cube with the simulated arm."""
    return share_file(SHIPPED)


def checkpoint_variant(checkpoint: Path) -> str:
    """The variant that a checkpoint folder of ours says it was trained as, empty for others."""
    section = _own(checkpoint)
    return section.text("variant") if "variant" in section else ""


def checkpoint_codec(checkpoint: Path) -> CodecFile | None:
    """The codec that a checkpoint folder carries, or whose name it says; None for neither."""
    return carried_codec(_own(checkpoint).values, str(checkpoint / OWN_METADATA))


def _own(checkpoint: Path) -> Section:
    """What a checkpoint says of itself, nothing where it comes from elsewhere."""
    file = checkpoint / OWN_METADATA
    values = read_json(file, "copy the checkpoint again") if file.is_file() else {}
    return Section(values, str(file))
