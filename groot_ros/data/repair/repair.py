"""Makes bags readable again that a crash, a full disk or a lost metadata.yaml left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import zstandard

from groot_ros.data.bags.files import (
    COMPRESSED,
    BagOnDisk,
    bags_below,
    is_compressed,
    opened,
    part_number,
    recording_at,
    recordings,
    storage_suffix,
)
from groot_ros.data.bags.message_decoder import is_compressed_message
from groot_ros.data.bags.metadata import FILE as METADATA
from groot_ros.data.bags.metadata import (
    BagFile,
    Compression,
    Information,
    Topic,
    read_qos,
    write_metadata,
)
from groot_ros.data.bags.storage import Damaged, StorageFile
from groot_ros.data.bags.writer import RESERVE_FILE
from groot_ros.data.repair import mcap_repair
from groot_ros.data.repair.sqlite_repair import DAMAGED, repair_sqlite
from groot_ros.errors import UserError
from groot_ros.files.part import PART_SUFFIX

STORAGES = {".mcap": "mcap", ".db3": "sqlite3"}


@dataclass(frozen=True)
class Repaired:
    """What `repair_bag` found and did."""

    path: Path
    messages: int
    seconds: float
    actions: tuple[str, ...]


@dataclass
class _Content:
    """What the files of a bag hold."""

    topics: dict[tuple[str, str], Topic] = field(default_factory=dict)
    """By name and type."""
    files: list[BagFile] = field(default_factory=list)
    custom_data: dict[str, str] = field(default_factory=dict)
    actions: list[str] = field(default_factory=list)
    has_compressed_messages: bool = False

    def summary(self, path: Path) -> Repaired:
        filled = [file for file in self.files if file.messages]
        start_ns = min((file.start_ns for file in filled), default=0)
        end_ns = max((file.end_ns for file in filled), default=0)
        messages = sum(file.messages for file in filled)
        return Repaired(path, messages, (end_ns - start_ns) / 1e9, tuple(self.actions))


def _no_bag(folder: Path) -> UserError:
    if below := bags_below(folder):
        return UserError(
            f"{folder} holds no bag itself, but folders of bags: name one, such as {below[0]}"
        )
    return UserError(f"{folder} holds no bag, expected .mcap or .db3 files in it")


def repair_bag(path: Path, custom_data: Mapping[str, str] | None = None) -> Repaired:
    """Complete a bag's files in place, write its metadata.yaml, take `.part` from its name.

    No whole message is ever removed, and files of different recordings stay different bags.
    `custom_data` is added to what the bag says of itself. UserError when there is no bag, when
    nothing of it can be saved, or when the name without `.part` is taken.
    """
    if not path.exists():
        raise UserError(f"{path} does not exist: give the folder of a bag or one of its files")
    folder = path if path.is_dir() else path.parent
    found = recordings(folder)
    if path.is_file() and not storage_suffix(path):
        raise UserError(f"{path} is no file of a bag, expected one of .mcap, .db3 or .bag")
    if not found:
        raise _no_bag(folder)
    own = [recording for recording in found if recording.path == folder]
    loose = [recording for recording in found if recording.path != folder]
    if path.is_file():
        in_own = bool(own) and path in (*own[0].files, *own[0].unlisted)
        own = own if in_own else []
        loose = [] if in_own else [recording_at(path)]
    results = [_repair_folder(recording, custom_data or {}) for recording in own]
    results += [_repair_loose(recording) for recording in loose]
    if len(results) == 1:
        return results[0]
    actions = [action for result in results for action in result.actions]
    messages = sum(result.messages for result in results)
    seconds = sum(result.seconds for result in results)
    return Repaired(results[0].path if own else path, messages, seconds, tuple(actions))


def _repair_loose(recording: BagOnDisk) -> Repaired:
    """Files that lie among those of other recordings, which need no metadata.yaml."""
    content = _Content()
    for file in recording.files:
        _take(file, content)
    return content.summary(recording.path)


def _repair_folder(recording: BagOnDisk, custom_data: Mapping[str, str]) -> Repaired:
    folder = final = recording.path
    if folder.name.endswith(PART_SUFFIX):
        final = folder.with_name(folder.name.removesuffix(PART_SUFFIX))
        if final.exists():
            raise UserError(f"{final} exists already: move it away, then repair {folder} again")
    content = _read(recording)
    if all(file.name.lower().endswith(".bag") for file in content.files):
        return content.summary(folder)
    stated = recording.information
    own = {**content.custom_data, **stated.custom_data}
    lost = own.keys() - stated.custom_data.keys()
    if lost and recording.has_metadata and not stated.problem:
        content.actions.append("custom_data restored from the files")
    own |= custom_data
    content.actions += _differences(recording, content)
    if content.actions or custom_data or not recording.has_metadata:
        _write(folder, stated, content, own)
    (folder / RESERVE_FILE).unlink(missing_ok=True)
    if final != folder:
        folder.rename(final)
        content.actions.append(f"renamed to {final.name}")
    return content.summary(final)


def _read(recording: BagOnDisk) -> _Content:
    """Repair and read every file; one of which nothing can be saved is set aside, if another is
    left."""
    content, failures = _Content(), list[tuple[Path, UserError]]()
    for file in sorted((*recording.files, *recording.unlisted), key=part_number):
        try:
            _take(file, content)
        except UserError as error:
            if isinstance(error, mcap_repair.NotNow):
                raise
            failures.append((file, error))
    if not content.files:
        if failures:
            raise failures[0][1]
        missing = ", ".join(recording.missing)
        raise UserError(
            f"nothing is left of bag {recording.path}, which lacks {missing}: put it back; if "
            f"other files in the folder are its own, remove {METADATA} and repair it again"
        )
    for file, _ in failures:
        aside = file.with_name(file.name + DAMAGED)
        file.rename(aside)
        content.actions.append(f"{file.name} holds nothing that could be saved: now {aside.name}")
    return content


def _differences(recording: BagOnDisk, content: _Content) -> Iterator[str]:
    """What metadata.yaml says otherwise than the files."""
    stated = recording.information
    if stated.problem:
        yield f"{METADATA} could not be read: {stated.problem}"
        return
    if not recording.has_metadata:
        return
    for name in recording.missing:
        yield f"{name} is missing: left out"
    for file in recording.unlisted:
        yield f"{file.name} taken in"
    if recording.renamed:
        yield f"{recording.files[0].name} taken for {recording.renamed}"
    if stated.storage not in STORAGES.values():
        yield f"{METADATA} does not name the storage"
    held: Counter[tuple[str, str]] = Counter()
    for part in content.files:
        held.update(part.counts)
    if not (recording.missing or recording.unlisted):
        for key, promised in stated.counts.items():
            if held[key] != promised:
                yield f"{METADATA} promised {promised} messages on {key[0]}, there are {held[key]}"


def _write(
    folder: Path, stated: Information, content: _Content, custom_data: Mapping[str, str]
) -> None:
    files = content.files
    storage = STORAGES[storage_suffix(folder / files[0].name)]
    compression = Compression()
    if any(is_compressed(folder / file.name) for file in files):
        _compress_all(folder, content)
        compression = Compression("zstd", "FILE")
    elif content.has_compressed_messages:
        compression = Compression("zstd", "MESSAGE")
    topics = [
        topic if not (qos := stated.qos.get(topic.name)) else topic.offered(qos)
        for topic in content.topics.values()
    ]
    write_metadata(
        folder,
        storage,
        topics=topics,
        files=files,
        custom_data=custom_data,
        compression=compression,
    )
    content.actions.append(f"{METADATA} written")


def _compress_all(folder: Path, content: _Content) -> None:
    """Compress what a crash left as it was: rosbag2 knows bags of one kind only."""
    for file in content.files:
        plain = folder / file.name
        if is_compressed(plain):
            continue
        target = plain.with_name(plain.name + COMPRESSED)
        beside = target.with_name(f"{target.name}.new")
        with plain.open("rb") as source, beside.open("wb") as sink:
            zstandard.ZstdCompressor().copy_stream(source, sink)
        beside.replace(target)
        plain.unlink()
        file.name = target.name
        content.actions.append(f"{plain.name} compressed like the others")


def _take(path: Path, content: _Content) -> None:
    """Repair a file and note what it holds."""
    suffix = storage_suffix(path)
    if is_compressed(path):
        path = _decompressed_if_damaged(path, content)
    if not is_compressed(path):
        if suffix == ".mcap":
            content.actions += [f"{path.name}: {done}" for done in mcap_repair.repair(path)]
        elif suffix == ".db3":
            content.actions += repair_sqlite(path)
    try:
        with opened(path) as file:
            _note(path.name, file, content)
    except Damaged as error:
        raise UserError(f"{path} {error}: it cannot be mended, restore it from a copy") from error


def _decompressed_if_damaged(path: Path, content: _Content) -> Path:
    """The file itself if it can be read, else what could be decompressed of it, beside it."""
    try:
        with opened(path) as file:
            for _ in file.messages(file.streams, None, None):
                pass
        return path
    except Damaged:
        pass
    plain = path.with_name(path.name[: -len(COMPRESSED)])
    with TemporaryDirectory(dir=path.parent, prefix=".repair_") as folder:
        part = Path(folder, plain.name)
        _decompress_beginning(path, part)
        part.replace(plain)
    aside = path.with_name(path.name + DAMAGED)
    path.rename(aside)
    content.actions.append(f"{path.name} is damaged: now {aside.name}, what it holds {plain.name}")
    return plain


def _decompress_beginning(path: Path, target: Path) -> None:
    with path.open("rb") as source, target.open("wb") as sink:
        stream = zstandard.ZstdDecompressor().decompressobj()
        try:
            while block := source.read(4096):
                sink.write(stream.decompress(block))
        except zstandard.ZstdError:
            pass


def _note(name: str, file: StorageFile, content: _Content) -> None:
    counts: Counter[tuple[str, str]] = Counter()
    for stream in file.streams:
        key = stream.topic, stream.type_name
        counts[key] += stream.count
        content.topics.setdefault(key, Topic(*key, read_qos(stream.qos), stream.digest))
    content.files.append(BagFile(name, file.start_ns, file.end_ns, counts))
    content.custom_data |= file.custom_data
    for _, stream, data in file.messages(file.streams, None, None):
        content.has_compressed_messages |= is_compressed_message(stream, data)
        break
