"""Which files make up which bag."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import zstandard

from groot_ros.data.bags.mcap_scan import scan_file
from groot_ros.data.bags.mcap_storage import McapFile, own_words
from groot_ros.data.bags.metadata import FILE as METADATA
from groot_ros.data.bags.metadata import Information, read_information
from groot_ros.data.bags.ros1_storage import Ros1File
from groot_ros.data.bags.sqlite_storage import SqliteFile
from groot_ros.data.bags.storage import BagError, Damaged, StorageFile
from groot_ros.errors import UserError

STORAGES: dict[str, type[Any]] = {".mcap": McapFile, ".db3": SqliteFile, ".bag": Ros1File}
COMPRESSED = ".zstd"
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Files of one recording begin where the one before them ends, but for a quiet moment.
SEAM_NS = 1_000_000_000


def storage_suffix(path: Path) -> str:
    """.mcap, .db3 or .bag, also below .zstd; empty for other files."""
    name = path.name.lower().removesuffix(COMPRESSED)
    return next((suffix for suffix in STORAGES if name.endswith(suffix)), "")


def is_compressed(path: Path) -> bool:
    """Whether the whole file is compressed."""
    return path.name.lower().endswith(COMPRESSED)


@contextmanager
def opened(path: Path) -> Iterator[StorageFile]:
    """A storage file, decompressed where it is compressed as a whole; Damaged, BagError."""
    with ExitStack() as stack:
        plain = path
        if is_compressed(path):
            folder = stack.enter_context(TemporaryDirectory(prefix="groot_ros_"))
            plain = Path(folder, path.name[: -len(COMPRESSED)])
            decompress_file(path, plain)
        file: StorageFile = STORAGES[storage_suffix(path)](plain)
        stack.callback(file.close)
        yield file


def decompress_file(path: Path, target: Path) -> None:
    """Write what a zstd file holds; Damaged where it is torn."""
    try:
        with path.open("rb") as source, target.open("wb") as sink:
            stream = zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True)
            shutil.copyfileobj(stream, sink, 2**20)
    except zstandard.ZstdError as error:
        raise Damaged(f"does not decompress ({error})") from error
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        raise UserError(
            f"there is no room in {target.parent.parent} to decompress {path}: name another "
            "folder in the environment variable TMPDIR"
        ) from error


def storage_files(folder: Path) -> list[Path]:
    """Files of bags right in a folder, in the order of their numbers."""
    found = [path for path in folder.iterdir() if storage_suffix(path) and path.is_file()]
    plain = {path.name for path in found if not is_compressed(path)}
    # rosbag2 deletes a part once it is compressed; a crash leaves both, of which one is whole.
    whole = [p for p in found if not (is_compressed(p) and p.name[: -len(COMPRESSED)] in plain)]
    return sorted(whole, key=part_number)


def part_number(path: Path) -> tuple[str, int, str]:
    """Name without number, number and name: sorts the parts of recordings."""
    base, number = _base_and_number(path)
    return base, -1 if number is None else number, path.name


def bag_name(path: Path) -> str:
    """Name of a bag, without the ending of a file."""
    suffix = storage_suffix(path) if path.is_file() else ""
    return path.name[: path.name.lower().rindex(suffix)] if suffix else path.name


def _base_and_number(path: Path) -> tuple[str, int | None]:
    stem = path.name[: path.name.lower().rindex(storage_suffix(path))]
    match = re.fullmatch(r"(.*?)_?(\d+)", stem, re.DOTALL)
    return (match[1], int(match[2])) if match else (stem, None)


@dataclass(frozen=True)
class BagOnDisk:
    """A bag on disk: its files in order, and what a metadata.yaml beside them says.

    `path` names it: its folder, or its first file where others lie beside it. `missing` are names
    in the metadata without a file, `unlisted` files of it that the metadata do not name, `renamed`
    the name that they have for its only file where that has another one.
    """

    path: Path
    files: tuple[Path, ...]
    information: Information = Information()
    missing: tuple[str, ...] = ()
    unlisted: tuple[Path, ...] = ()
    renamed: str = ""

    @property
    def has_metadata(self) -> bool:
        return self.path.is_dir() and (self.path / METADATA).exists()


def recordings(folder: Path) -> list[BagOnDisk]:
    """The bags whose files lie right in a folder, those of metadata.yaml first."""
    files = storage_files(folder)
    information = read_information(folder)
    listed = _listed(information, files)
    if only := _renamed(listed, files):
        others = _grouped([file for file in files if file != only])
        named = BagOnDisk(folder, (only,), information, renamed=next(iter(listed)))
        return [named, *(BagOnDisk(group[0], tuple(group)) for group in others)]
    if listed:
        missing = tuple(name for name, file in listed.items() if file is None)
        mine = tuple(file for file in listed.values() if file)
        rest = [file for file in files if file not in mine]
        more = tuple(file for file in rest if mine and _belongs(file, mine))
        named = BagOnDisk(
            path=folder, files=mine, information=information, missing=missing, unlisted=more
        )
        others = _grouped([file for file in rest if file not in more])
        return [named, *(BagOnDisk(group[0], tuple(group)) for group in others)]
    groups = _grouped(files)
    if len(groups) == 1:
        return [BagOnDisk(folder, tuple(groups[0]), information)]
    return [BagOnDisk(group[0], tuple(group)) for group in groups]


def _listed(information: Information, files: Sequence[Path]) -> dict[str, Path | None]:
    """Files by their names in metadata.yaml, which may have been compressed or not since."""
    by_name = {file.name: file for file in files}
    return {
        name: by_name.get(name)
        or by_name.get(f"{name}{COMPRESSED}")
        or by_name.get(name.removesuffix(COMPRESSED))
        for name in information.files
    }


def _renamed(listed: Mapping[str, Path | None], files: Sequence[Path]) -> Path | None:
    """The only file of its kind, where metadata.yaml names one and that is not there."""
    if len(listed) != 1 or any(listed.values()):
        return None
    suffix = storage_suffix(Path(*listed))
    alike = [file for file in files if storage_suffix(file) == suffix]
    return alike[0] if len(alike) == 1 else None


def _belongs(file: Path, others: Sequence[Path]) -> bool:
    return any(_base_and_number(file)[0] == _base_and_number(other)[0] for other in others) and (
        _Contents.of(file).is_of(_Contents.of(others[-1]))
    )


def _grouped(files: Sequence[Path]) -> list[list[Path]]:
    """Files in the order of their numbers, those of one recording together."""
    groups: list[list[Path]] = []
    for _, alike in groupby(files, lambda file: (_base_and_number(file)[0], storage_suffix(file))):
        first, *more = alike
        groups.append([first])
        newest = _Contents.of(first) if more else None
        for file in more:
            contents = _Contents.of(file)
            if newest and contents.is_of(newest):
                groups[-1].append(file)
            else:
                groups.append([file])
            newest = contents
    return groups


@dataclass(frozen=True)
class _Contents:
    """What tells whether a file goes on where another one ends."""

    path: Path
    start_ns: int = 0
    end_ns: int = 0
    episode: str = ""
    parts: frozenset[str] = frozenset()
    is_readable: bool = False

    @classmethod
    def of(cls, path: Path) -> _Contents:
        try:
            with opened(path) as file:
                episode = file.custom_data.get("episode", "")
                parts = frozenset(file.parts)
                return cls(path, file.start_ns, file.end_ns, episode, parts, True)
        except Damaged:
            return cls._torn(path)
        except (BagError, OSError):
            return cls(path)

    @classmethod
    def _torn(cls, path: Path) -> _Contents:
        if storage_suffix(path) != ".mcap" or is_compressed(path):
            return cls(path)
        try:
            with path.open("rb") as file:
                scan = scan_file(file, path)
        except (UserError, OSError):
            return cls(path)
        filled = [stretch for stretch in scan.stretches if stretch.counts]
        times = [time for stretch in filled for time in (stretch.start_ns, stretch.end_ns)]
        times += [message.log_time for message in scan.saved]
        custom, parts = own_words(scan.metadata)
        if not times:
            return cls(path, episode=custom.get("episode", ""), parts=parts)
        return cls(path, min(times), max(times), custom.get("episode", ""), parts, True)

    def is_of(self, earlier: _Contents) -> bool:
        """Whether this file is a later part of the recording of another one."""
        mine, theirs = _base_and_number(self.path), _base_and_number(earlier.path)
        if mine[0] != theirs[0] or storage_suffix(self.path) != storage_suffix(earlier.path):
            return False
        if mine[1] is None or theirs[1] is None or mine[1] <= theirs[1]:
            return False
        name = earlier.path.name.removesuffix(COMPRESSED)
        if {name, earlier.path.name} & self.parts:
            return True
        if {self.path.name.removesuffix(COMPRESSED), self.path.name} & self.parts:
            # The file knows its recording, and the other one is not of it.
            return False
        if self.episode or earlier.episode:
            return self.episode == earlier.episode
        follows = mine[1] == theirs[1] + 1
        if not (self.is_readable and earlier.is_readable):
            # What a crash tore is the part that was written last.
            return follows
        return follows and 0 <= self.start_ns - earlier.end_ns <= SEAM_NS


def recording_at(path: Path) -> BagOnDisk:
    """The bag that a path names: a folder, a file, or the first file of several of one bag."""
    if path.is_dir():
        found = recordings(path)
        if not found:
            raise BagError(f"{path} holds no bag, expected .mcap, .db3 or .bag files in it")
        if found[0].path == path:
            return found[0]
        names = ", ".join(recording.path.name for recording in found)
        raise BagError(f"{path} holds {len(found)} recordings ({names}): name one of them")
    mine = _base_and_number(path)[0], storage_suffix(path)
    beside = [
        file
        for file in storage_files(path.parent)
        if (_base_and_number(file)[0], storage_suffix(file)) == mine
    ]
    if path not in beside or len(beside) == 1:
        return BagOnDisk(path, (path,))
    index = beside.index(path)
    newest = _Contents.of(path)
    if index and newest.is_of(_Contents.of(beside[index - 1])):
        return BagOnDisk(path, (path,))
    files = [path]
    for file in beside[index + 1 :]:
        contents = _Contents.of(file)
        if not contents.is_of(newest):
            break
        files.append(file)
        newest = contents
    return BagOnDisk(path, tuple(files))


def find_bags(paths: Sequence[Path]) -> list[Path]:
    """Bags at paths and in folders of bags, however deep, sorted by name; UserError where there
    is none."""
    bags: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UserError(f"{path} does not exist, expected a bag or a folder of bags")
        found = bags_below(path)
        if not found:
            raise UserError(
                f"{path} holds no bags, expected .mcap, .db3 or .bag files or folders with them"
            )
        bags += [bag for bag in found if bag not in bags]
    return _without_parts(bags)


def bags_below(path: Path) -> list[Path]:
    """A bag, or all of those in a folder and its folders."""
    if path.is_file():
        return [path] if storage_suffix(path) else []
    return list(_walk(path))


def _walk(folder: Path) -> Iterator[Path]:
    seen: set[Path] = set()
    for current, folders, _ in os.walk(folder, followlinks=True):
        here = Path(current)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if here.resolve() in seen:
            folders.clear()
            continue
        seen.add(here.resolve())
        try:
            found = recordings(here)
        except OSError as error:
            raise UserError(
                f"{here} cannot be read ({error.strerror}): mend that first"
            ) from error
        yield from (recording.path for recording in found)


def _without_parts(bags: Sequence[Path]) -> list[Path]:
    """Without files that another of the bags holds, as `bag/*.mcap` names them."""
    files = [bag for bag in bags if bag.is_file()]
    held: set[Path] = set()
    for bag in bags:
        others = [file for file in files if file != bag and file.parent in (bag, bag.parent)]
        if others:
            held.update(file for file in recording_at(bag).files if file != bag)
    return [bag for bag in bags if bag not in held]


def bag_files(path: Path) -> list[Path]:
    """The files that make up a bag."""
    recording = recording_at(path)
    metadata = [path / METADATA] if recording.has_metadata else []
    return [*recording.files, *recording.unlisted, *metadata]
