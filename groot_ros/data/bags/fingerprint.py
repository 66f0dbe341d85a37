"""What tells a bag from all others, without reading every byte of it."""

from __future__ import annotations

import hashlib
from contextlib import closing
from pathlib import Path

from groot_ros.data.bags.files import is_compressed, recording_at, storage_suffix
from groot_ros.data.bags.mcap_storage import McapFile
from groot_ros.data.bags.storage import Damaged

_BLOCK = 2**20


def bag_fingerprint(path: Path) -> str:
    """SHA-256 in hexadecimal digits over the storage files of a bag, in the order of their names.

    Of an MCAP file it leaves out the records of chunks with a checksum: that stands for them.
    """
    digest = hashlib.sha256()
    for file in sorted(recording_at(path).files):
        begin, size = 0, file.stat().st_size
        with file.open("rb") as stream:
            for start, stop in [*_checked(file), (size, size)]:
                stream.seek(begin)
                while block := stream.read(min(_BLOCK, max(0, start - begin))):
                    digest.update(block)
                    begin += len(block)
                begin = stop
    return digest.hexdigest()


def _checked(path: Path) -> list[tuple[int, int]]:
    """Where the records lie for which checksums stand; nowhere in a file that is not whole."""
    if storage_suffix(path) != ".mcap" or is_compressed(path):
        return []
    try:
        with closing(McapFile(path)) as file:
            return file.checked
    except Damaged:
        return []
