"""What `groot-ros benchmark view` looks at is a dataset."""

from __future__ import annotations

from pathlib import Path

from arm_bags import ArmBag, conversion, write_bag

from groot_ros.benchmarks.view import repeat
from groot_ros.data.conversion.convert import convert
from groot_ros.data.datasets.reader import Dataset
from groot_ros.viewer.dataset_subject import DatasetSubject


def test_the_measured_dataset_has_the_episodes_that_it_is_said_to_have(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", ArmBag(seconds=3.0).messages())
    convert(conversion(tmp_path / "bag", tmp_path / "out"))
    repeat(Dataset(tmp_path / "out"), 4)
    subject = DatasetSubject(tmp_path / "out")
    assert [line["index"] for line in subject.episodes()] == [0, 1, 2, 3]
    for index in range(4):
        episode = subject.episode(index)
        assert episode["frames"] == len(episode["plots"][0]["times_s"])
        assert all(film["is_there"] for film in episode["films"])
