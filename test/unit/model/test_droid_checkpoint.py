"""A folder made of the released DROID configuration, its network shrunk, weights random, against
NVIDIA's N1.7 from pictures, words and states to actions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import networks
import numpy as np
import pytest
import torch
from droid import CASES, DIMS, DROID, Case, copy_checkpoint, noise, seen, write_checkpoint

from groot_ros.model.checkpoint import weights
from groot_ros.model.inference.loaded import Groot

GOLDEN = np.load(networks.DATA / "golden_whole_droid.npz")
"""Actions that NVIDIA's N1.7 answers with, remade by tools/make_golden.py (docs/model.md)."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("droid")
    write_checkpoint(folder)
    return folder


def test_golden_numbers_say_what_made_them() -> None:
    made_by = json.loads(GOLDEN["made_by"].item())
    assert re.fullmatch("[0-9a-f]{40}", made_by["Isaac-GR00T"])
    assert {"torch", "transformers", "albumentations"} <= set(made_by)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_are_nvidias(folder: Path, tmp_path: Path, case: Case) -> None:
    copy_checkpoint(folder, tmp_path, case)
    groot = Groot.load(tmp_path, device="cpu", dtype="float32", verify=True)
    assert (groot.modality.embodiment, groot.modality.slot) == (DROID, 24)
    answer = groot.predict(seen(len(case.history)), noise=noise())
    assert list(answer) == list(DIMS)
    for key, values in answer.items():
        np.testing.assert_allclose(values, GOLDEN[f"{case.name}/{key}"], rtol=0, atol=1e-5)


def test_the_slots_weights_are_the_embodiments(folder: Path) -> None:
    stored = weights.stored_tensors(folder)
    name = "action_head.state_encoder.layer1.W"
    assert stored[name].shape[0] == 32 and stored[name].dtype == "BF16"
    groot = Groot.load(folder, dtype="bfloat16", verify=True)
    found = groot.network.action_head.state_encoder.layer1.W
    expected = networks.normal(0, name, stored[name].shape) * 0.5 / stored[name].shape[-1] ** 0.5
    assert torch.equal(found[0], expected[24].bfloat16())
