"""Places that a command writes to at its end, looked at before its work begins."""

from __future__ import annotations

from pathlib import Path

from groot_ros.errors import UserError

PICTURES = (".png", ".svg", ".pdf")


def check_picture(path: Path) -> None:
    """UserError for a path at which no plot can be written."""
    if path.suffix not in PICTURES:
        raise UserError(f"picture {path} does not end in {' or '.join(PICTURES)}")
    check_folder(path)


def check_folder(path: Path) -> None:
    """UserError for a file whose folder is not there."""
    if not path.parent.is_dir():
        raise UserError(
            f"{path} cannot be written: there is no folder {path.parent}, make it first"
        )


def check_disk(folder: Path | None) -> None:
    """UserError for a folder that a measurement shall work in and that is not there; None is a
    temporary one."""
    if folder and not folder.is_dir():
        raise UserError(f"output {folder} is no folder: make it first, or leave it out")
