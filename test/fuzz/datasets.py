"""Datasets of any maker: their JSON, their rows, their videos."""

from __future__ import annotations

from pathlib import Path

from arm_bags import ArmBag, conversion, write_bag
from mutation import damaged, hostile_json
from numpy.random import Generator

from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.review.validate import validate
from groot_ros.errors import UserError
from groot_ros.training.data.source import open_dataset
from groot_ros.training.data.table import load_table


class Surface:
    refusals = (UserError,)

    def __init__(self, folder: Path) -> None:
        write_bag(folder / "bags" / "a", ArmBag(seconds=2.0).messages())
        self._dataset = folder / "dataset"
        convert(conversion(folder / "bags", self._dataset))
        self._files = {
            file: file.read_bytes() for file in sorted(self._dataset.rglob("*")) if file.is_file()
        }
        self._changed: Path | None = None

    def attack(self, rng: Generator) -> None:
        if self._changed:
            self._changed.write_bytes(self._files[self._changed])
        json_files = [file for file in self._files if file.suffix in (".json", ".jsonl")]
        others = [file for file in self._files if file.suffix in (".parquet", ".mp4")]
        files = json_files if rng.random() < 0.8 else others
        file = self._changed = files[rng.integers(len(files))]
        content = self._files[file]
        file.write_bytes(
            hostile_json(content, rng) if file.suffix == ".json" else damaged(content, rng)
        )
        kind = rng.random()
        if kind < 0.4:
            validate(self._dataset)
        elif kind < 0.9:
            load_table(open_dataset(self._dataset))
        else:
            dataset = Dataset(self._dataset)
            assert dataset.episodes is not None and dataset.tasks is not None
