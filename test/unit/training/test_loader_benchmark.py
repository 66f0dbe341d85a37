from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from training_options import options

from groot_ros.benchmarks.loader import SeekingPictures
from groot_ros.cli.main import main
from groot_ros.training.config import make_config
from groot_ros.training.data.augmentation import Change
from groot_ros.training.data.pictures import VideoPictures, prepare_pictures
from groot_ros.training.preparation import prepare_training


def test_both_ways_are_measured_in_one_run(
    dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", "loader", f"--dataset={dataset}", "--samples=64", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["samples"] == 64 and result["frames"] == 75
    rates = [result[f"{way}samples_per_s"] for way in ("", "video_", "baseline_")]
    assert all(rate > 0 for rate in rates)
    assert result["speedup"] == pytest.approx(rates[0] / rates[2], rel=0.01)


def test_all_ways_show_the_same_pictures(dataset: Path) -> None:
    prepared = prepare_training(make_config(options(dataset, Path("unused"), "x")))
    table, processor = prepared.parts[0].table, prepared.parts[0].processor
    ways = [way(table, processor) for way in (SeekingPictures, VideoPictures)]
    held = prepare_pictures(table, processor, 1)
    for row in (0, 40, 7, len(table) - 1):
        rows = np.array([row, 3])
        first, second = (way(rows, Change()) for way in ways)
        assert len(first) == 4
        assert torch.equal(first, second) and torch.equal(first, held(rows, Change()))


def test_too_few_samples_are_refused(dataset: Path) -> None:
    assert main(["benchmark", "loader", f"--dataset={dataset}", "--samples=3"]) == 2
