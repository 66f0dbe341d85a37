"""`scripts/gpu_check.sh`: its steps in a dry run, what becomes of those that fail, the page."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gpu_steps
import psutil
import pytest
import torch

from groot_ros.benchmarks.gpu import files, inference, page, parity, step_process
from groot_ros.benchmarks.gpu.check import MEASURED, Check
from groot_ros.benchmarks.gpu.record import Record, Result, StepOutcome, read
from groot_ros.benchmarks.gpu.steps import N16, N17, STEPS, Setting, Step, choose
from groot_ros.benchmarks.model_configs import CONFIGS
from groot_ros.errors import UserError
from groot_ros.model.networks.config import Gr00tConfig
from groot_ros.model.networks.network import Network
from groot_ros.model.tiny.tokenizer import tiny_tokenizer

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "gpu_check.sh"
# They compile for minutes, or start pytest for tests that skip themselves.
LONG = ["tests", "n17_compiled", "n16_compiled", "tests_compiled"]
# Small, they are other steps once more.
SAME = ["parity_mid", "parity_full", "parity_full_n16", "n16_numbers"]
LONG_S, WAIT_S = 600.0, 30.0


def run_script(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "PYTHON": sys.executable, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, env=own)


def dry_run(folder: Path, *arguments: str) -> Record:
    output = folder / "record.json"
    where = ("--output", str(output), "--folder", str(folder / "work"), "--minutes", "60")
    done = run_script("--dry-run", *where, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((folder / "work").iterdir()) == [folder / "work" / "logs"]
    return read(output)


def test_every_step_runs_small_on_the_cpu(tmp_path: Path) -> None:
    without = [*LONG, *SAME]
    record = dry_run(tmp_path, "--without", *without)
    assert record.dry_run and record.complete and record.machine["device"] == "cpu"
    assert [o.step for o in record.outcomes] == [s.name for s in choose([], without)]
    for outcome in record.outcomes:
        assert outcome.results, outcome
        for result in outcome.results:
            assert all(value == value and value >= 0 for value, _ in result.values.values())
    by_step = {outcome.step: outcome.results[0].values for outcome in record.outcomes}
    assert by_step["n17"]["vision"][1] == "ms" and by_step["train_head"]["samples"][1] == "1/s"
    assert by_step["resume"]["last three steps change weights by"][0] > 0
    # Whatever the page shows is measured under that name.
    for table in page.TABLES:
        results = [r for o in record.outcomes if o.step in table.steps for r in o.results]
        for name in set(table.values) - {"memory reserved"} if results else ():
            assert any(name in result.values for result in results), (table.title, name)


@pytest.mark.skipif(
    "GROOT_ROS_LONG_TESTS" not in os.environ, reason="compiles for minutes: GROOT_ROS_LONG_TESTS=1"
)
def test_long_steps_run_small_on_the_cpu(tmp_path: Path) -> None:
    assert dry_run(tmp_path, "--only", *LONG, *SAME).complete


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(device="cpu", folder=tmp_path, small=True)


@pytest.fixture
def start() -> Any:
    return step_process.context("spawn")


def step(name: str, **other: Any) -> Step:
    return Step(name=name, title=name, function=f"gpu_steps:{name}", **other)


def test_a_step_that_hangs_is_ended_with_all_that_it_started(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_process, "PATIENCE_S", 0.2)
    start = SimpleNamespace(Process=gpu_steps.UntilDeaf)
    outcome = step_process.run(step("deaf"), setting, LONG_S, start).outcome
    assert outcome.status == "timed out" and len(outcome.results) == 1
    for pid in map(int, (setting.folder / gpu_steps.PIDS).read_text().split()):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).wait(WAIT_S)


@pytest.mark.parametrize(
    ("name", "status", "reason", "results"),
    [
        ("well", "ok", "", 1),
        ("broken", "failed", "RuntimeError: CUDA error: an illegal memory access", 1),
        ("dead", "failed", "killed, as Linux does when memory runs out: last words", 0),
        ("unable", "skipped", "the card has 8 GB", 0),
    ],
)
def test_what_becomes_of_a_step(
    name: str, status: str, reason: str, results: int, setting: Setting, start: Any
) -> None:
    outcome = step_process.run(step(name), setting, LONG_S, start).outcome
    assert (outcome.status, outcome.reason) == (status, reason)
    assert len(outcome.results) == results


def test_a_step_does_not_take_the_others_with_it(
    setting: Setting, start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "record.json"
    record = Record(dry_run=True, started="2026-01-01", commit="")
    check = Check(record, setting, output, time.monotonic() + LONG_S)
    check._start = start
    steps = [
        step("dead"),
        replace(step("well"), name="needy", needs=("dead",)),
        replace(step("well"), name="long", least_s=2 * LONG_S),
        step("well"),
    ]
    check.run(steps)
    found = read(output)
    assert not found.complete
    assert [o.status for o in found.outcomes] == ["failed", "skipped", "skipped", "ok"]
    reasons = [outcome.reason for outcome in found.outcomes]
    assert reasons[1] == "it needs the step dead, which did not end well"
    assert "s were left and it takes 1200 s at least" in reasons[2]
    assert found == record

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(step_process, "run", interrupt)
    with pytest.raises(KeyboardInterrupt):
        check.run([step("well"), step("broken")])
    assert [o.reason for o in read(output).outcomes[4:]] == ["interrupted"] * 2


def test_names_of_steps_are_checked_and_bring_what_they_need() -> None:
    assert [s.name for s in choose(["train_lora"], [])] == ["checkpoint", "dataset", "train_lora"]
    with pytest.raises(UserError, match="step 'all' is unknown, expected one of parity, "):
        choose(["all"], [])
    places = {s.name: index for index, s in enumerate(STEPS)}
    assert all(places[need] < places[s.name] for s in STEPS for need in s.needs)


@pytest.mark.parametrize("name", [N17, N16])
def test_the_full_checkpoint_takes_the_tiny_tokenizer_and_keeps_its_shapes(name: str) -> None:
    raw = CONFIGS[Setting(device="cuda", folder=Path(), small=False).config(name)]
    full, own = (Gr00tConfig.from_dict(c) for c in (raw, files.with_tiny_tokens(raw, name)))
    shapes = [{n: p.shape for n, p in Network.on_meta(c).named_parameters()} for c in (full, own)]
    assert shapes[0] == shapes[1]
    assert own.backbone["image_token_id"] < tiny_tokenizer(own.version.prompt).get_vocab_size()


def test_a_changed_network_is_no_parity(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(setting: Setting, version: str, dtype: str, size: str = "full") -> Network:
        network = inference.build(setting, version, dtype, size)
        if dtype == "bfloat16":
            layer = network.backbone.language_model.layers[0]
            layer.mlp.down_proj.weight.mul_(2.0)
        return network

    monkeypatch.setattr(parity, "build", changed)
    with pytest.raises(RuntimeError) as error:
        list(parity.compare(setting, [N17], ["tiny"]))
    assert "tiny N1.7 bfloat16 compile off: language error" in str(error.value)
    assert "float32" not in str(error.value)


WOKEN = """
import importlib, torch
def wake(*_, **__): raise SystemExit("an import asks the GPU, and no copy of it could use one")
for name in ("is_available", "device_count", "init", "_lazy_init", "is_bf16_supported"):
    setattr(torch.cuda, name, wake)
from groot_ros.benchmarks.gpu.step_process import PRELOADED
for name in PRELOADED: importlib.import_module(name)
"""


def test_what_is_preloaded_does_not_touch_the_gpu() -> None:
    done = subprocess.run([sys.executable, "-c", WOKEN], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_the_page_is_current() -> None:
    text = (ROOT / "docs" / "measured.md").read_text()
    assert text == page.page(), "run: python -m groot_ros.benchmarks.gpu.page > docs/measured.md"


def test_the_page_shows_what_was_measured_and_what_was_not(tmp_path: Path) -> None:
    values = {"vision": (2.5, "ms"), "vision p95": (3.0, "ms"), "memory": (5.81, "GB")}
    case = {"model": "N1.7", "dtype": "bfloat16", "compile": "default", "uncompiled": ""}
    outcomes = [
        StepOutcome(
            step="n17", title="", status="ok", results=(Result(case=case, values=values),)
        ),
        StepOutcome(step="resume", title="", status="timed out", reason="ended after 60 s"),
    ]
    machine = {"card": "NVIDIA H100", "torch": "2.13.0", "driver": "580.1"}
    record = Record(
        dry_run=False,
        started="2026-12-01T10:00:00",
        commit="abc",
        machine=machine,
        outcomes=outcomes,
    )
    record.write(tmp_path / "h100.json")
    text = page.page(tmp_path)
    assert (
        "## NVIDIA H100, 2026-12-01" in text and "driver 580.1, torch 2.13.0; commit abc" in text
    )
    assert "| model | dtype | compile | vision | memory |" in text
    assert "| N1.7 | bfloat16 | default | 2.5 / 3 ms | 5.81 GB |" in text
    assert "| resume | timed out | ended after 60 s |" in text
    assert "yet" not in text
    replace(record, dry_run=True).write(tmp_path / "dry.json")
    with pytest.raises(UserError, match="dry.json is the record of a dry run"):
        page.page(tmp_path)


def test_a_python_without_packages_tells_the_options() -> None:
    command = [sys.executable, "-S", "-m", "groot_ros.benchmarks.gpu.check", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "--dry-run" in done.stdout, done.stderr


def test_a_dry_run_is_not_kept_as_measured() -> None:
    done = run_script("--dry-run", "--output", str(MEASURED / "gpu.json"))
    assert done.returncode == 2 and "a dry run measures nothing" in done.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("echo 550.54.15", "NVIDIA's driver 550.54.15 is older than 580, which torch=="),
        ("echo No devices were found", "nvidia-smi sees no GPU: No devices were found"),
    ],
)
def test_a_machine_that_cannot_is_told_before_anything_is_fetched(
    says: str, expected: str, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{says}\n")
    tool.chmod(0o755)
    done = run_script("--only", "n17", PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.returncode == 2 and expected in done.stderr, done.stderr
    assert not (ROOT / ".venv_gpu").exists()


def test_missing_requirements_are_those_that_are_older_or_absent(tmp_path: Path) -> None:
    file = tmp_path / "some.txt"
    file.write_text("# two\npytest==1.0\nnumpy>=99.1,<100  # newer\nno-such-package==1\n")
    script = ROOT / "scripts" / "missing_requirements.py"
    done = subprocess.run([sys.executable, script, file], capture_output=True, text=True)
    assert done.stdout == "numpy>=99.1,<100\nno-such-package==1\n"
