"""The folder beside a dataset in which the one is made that takes its place."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groot_ros.data.bags.files import NO_SPACE
from groot_ros.data.conversion.append import BEFORE, put_in_place, restore
from groot_ros.data.conversion.convert import PLAN
from groot_ros.data.datasets.edits import EDITS
from groot_ros.errors import UserError
from groot_ros.files.folder_lock import folder_lock, waiting_lock
from groot_ros.files.part import part_path

FOLDER = "dataset"


@contextmanager
def made_beside(output: Path, *, replaces: bool) -> Iterator[Path]:
    """A new folder that gets the name `output` when the block has ended without an error.

    Where it `replaces` a dataset, that stays until then, and is brought back where an earlier
    run was killed between two renames. An interrupted run is made again, apart from the parts of
    videos that it had cut, which stay in `cuts` beside the new folder.
    """
    if not output.name:
        raise UserError(f"output '{output}' has no name: give a folder that is to be made")
    part = part_path(output)
    if (part / PLAN).exists():
        raise UserError(
            f"{part} is left over from a conversion that was interrupted: finish it with "
            "groot-ros convert --resume, or delete it"
        )
    try:
        part.mkdir(parents=True, exist_ok=True)
        with folder_lock(part):
            restore(output, part)
            left = part
            try:
                yield from _made(output, part, replaces)
            except KeyboardInterrupt:
                left = part / FOLDER
                raise
            finally:
                restore(output, part)
                shutil.rmtree(left, ignore_errors=True)
    except OSError as error:
        where = error.filename or part
        if error.errno in NO_SPACE:
            raise UserError(
                f"cannot write to {part}: {error.strerror}; free space and run it again"
            ) from error
        raise UserError(f"{where} cannot be read or written: {error.strerror}") from error


def _made(output: Path, part: Path, replaces: bool) -> Iterator[Path]:
    if output.exists() and not replaces:
        raise UserError(f"{output} exists already and is never overwritten: choose another one")
    folder = part / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(part / BEFORE, ignore_errors=True)
    edits = _edits(output)
    folder.mkdir()
    yield folder
    if not output.exists():
        put_in_place(folder, output, part)
        return
    with waiting_lock(output / "meta"):
        if _edits(output) != edits:
            raise UserError(
                f"the edits of {output} were changed meanwhile, nothing was written: run it again"
            )
        put_in_place(folder, output, part)


def _edits(dataset: Path) -> bytes:
    path = dataset / EDITS
    return path.read_bytes() if path.exists() else b""
