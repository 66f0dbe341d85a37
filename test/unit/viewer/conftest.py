"""Datasets for the page."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arm_bags import ArmBag, conversion, write_bag
from pages import chromium

from groot_ros.data.conversion.convert import convert
from groot_ros.data.playback.episode_choice import EpisodeChoice


def _convert(folder: Path, output_format: str) -> Path:
    """Three episodes: a good one, one whose wrist camera pauses, one that goes on after that."""
    arm = ArmBag(seconds=5.0)
    kept = [m for m in arm.images() if not (m.topic[1] == "w" and 2.0 < m.arrival_s < 3.0)]
    write_bag(folder / "bags" / "a", ArmBag(seconds=4.0).messages())
    write_bag(folder / "bags" / "b <1>", [*arm.states(), *arm.commands(), *kept])
    output = folder / "dataset"
    choice = EpisodeChoice(instruction="pick up the red cube")
    found = conversion(folder / "bags", output, choice=choice, format=output_format)
    assert len(convert(found).episodes) == 2
    return output


@pytest.fixture(scope="session")
def shipped_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _convert(tmp_path_factory.mktemp("v21"), "gr00t")


@pytest.fixture
def dataset(shipped_dataset: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(shipped_dataset, tmp_path / "dataset"))


@pytest.fixture(scope="session")
def shipped_dataset_v3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _convert(tmp_path_factory.mktemp("v30"), "lerobot-v3")


@pytest.fixture
def dataset_v3(shipped_dataset_v3: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_dataset_v3, tmp_path / "dataset"))


@pytest.fixture(scope="session")
def one_chromium() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def driver(one_chromium: Any) -> Iterator[Any]:
    """The browser of all tests with a single tab, in which nobody has complained yet."""
    one_chromium.get_log("browser")
    yield one_chromium
    first, *others = one_chromium.window_handles
    for handle in others:
        one_chromium.switch_to.window(handle)
        one_chromium.close()
    one_chromium.switch_to.window(first)
    one_chromium.get("about:blank")
