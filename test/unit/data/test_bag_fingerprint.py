"""What tells a bag from others, and what is not read for it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from arm_bags import ArmBag, write_bag
from mcap.writer import CompressionType
from rosbags.rosbag2 import CompressionMode, StoragePlugin
from test_bags import write_mcap

from groot_ros.data.bags.fingerprint import bag_fingerprint

MESSAGES = ArmBag(seconds=0.3).messages()


def changed(index: int) -> list:
    """The same messages, but for one byte of one of them, at the same times."""
    message = MESSAGES[index]
    data = bytearray(message.data)
    data[-3] ^= 1
    return [*MESSAGES[:index], replace(message, data=bytes(data)), *MESSAGES[index + 1 :]]


WRITERS = {
    "checksums": {"compression": CompressionType.NONE},
    "zstd": {"compression": CompressionType.ZSTD},
    "no checksums": {"compression": CompressionType.NONE, "enable_crcs": False},
    "no chunks": {"use_chunking": False},
}


@pytest.mark.parametrize("name", WRITERS)
def test_one_byte_of_one_message_makes_another_bag(tmp_path: Path, name: str) -> None:
    options = WRITERS[name]
    original = write_mcap(tmp_path / "a" / "a.mcap", MESSAGES, **options)
    again = write_mcap(tmp_path / "b" / "a.mcap", MESSAGES, **options)
    assert bag_fingerprint(original) == bag_fingerprint(again)
    others = [
        bag_fingerprint(write_mcap(tmp_path / str(index) / "a.mcap", changed(index), **options))
        for index in (0, len(MESSAGES) // 2, len(MESSAGES) - 1)
    ]
    assert len({bag_fingerprint(original), *others}) == 4


@pytest.mark.parametrize("mode", [CompressionMode.NONE, CompressionMode.FILE])
@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_other_files_are_told_by_all_their_bytes(
    tmp_path: Path, storage: StoragePlugin, mode: CompressionMode
) -> None:
    one = write_bag(tmp_path / "one" / "bag", MESSAGES, storage, mode)
    other = write_bag(tmp_path / "other" / "bag", changed(7), storage, mode)
    shutil.copytree(one, tmp_path / "copy" / "bag")
    assert bag_fingerprint(one) == bag_fingerprint(tmp_path / "copy" / "bag")
    assert bag_fingerprint(one) != bag_fingerprint(other)


def test_a_damaged_file_is_told_by_all_its_bytes(tmp_path: Path) -> None:
    path = write_mcap(tmp_path / "a.mcap", MESSAGES)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    before = bag_fingerprint(path)
    path.write_bytes(content[: len(content) // 2 - 1])
    assert bag_fingerprint(path) != before
