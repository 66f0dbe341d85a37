"""Bags of any recorder: MCAP and sqlite3, whole or compressed, and their metadata."""

from __future__ import annotations

import shutil
from pathlib import Path

from arm_bags import ArmBag, write_bag
from mutation import damaged
from numpy.random import Generator
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from groot_ros.data.bags.reader import METADATA, open_bag
from groot_ros.data.repair.repair import repair_bag
from groot_ros.data.review.inspection import describe_bag
from groot_ros.errors import UserError


class Surface:
    refusals = (UserError,)

    def __init__(self, folder: Path) -> None:
        self._corpus: list[dict[str, bytes]] = []
        self._bag = folder / "bag"
        messages = ArmBag(seconds=0.5).messages()
        for number, options in enumerate(
            (
                {},
                {"storage": StoragePlugin.SQLITE3},
                {"compression": CompressionMode.MESSAGE},
                {"compression": CompressionMode.FILE},
            )
        ):
            made = write_bag(folder / f"corpus{number}", messages, **options)
            self._corpus.append({file.name: file.read_bytes() for file in made.iterdir()})

    def attack(self, rng: Generator) -> None:
        files = self._corpus[rng.integers(len(self._corpus))]
        shutil.rmtree(self._bag, ignore_errors=True)
        self._bag.mkdir()
        storage = [name for name in files if name != METADATA]
        bad = METADATA if rng.random() < 0.2 else storage[rng.integers(len(storage))]
        for name, content in files.items():
            (self._bag / name).write_bytes(damaged(content, rng) if name == bad else content)
        kind = rng.random()
        if kind < 0.4:
            if kind < 0.2:
                (self._bag / METADATA).unlink()
            repair_bag(self._bag)
        describe_bag(self._bag, "sim")
        with open_bag(self._bag) as bag:
            for _ in bag.messages({name: info.type_name for name, info in bag.topics.items()}):
                pass
