from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from training_options import options

from groot_ros.errors import UserError
from groot_ros.training.config import make_config
from groot_ros.training.data.samples import Collator, SampleOptions, Samples
from groot_ros.training.memory import (
    Activations,
    check_memory,
    describe_memory,
    measure_activations,
    plan_memory,
    recompute_activations,
)
from groot_ros.training.module import TrainingModule
from groot_ros.training.preparation import Prepared, prepare_training


@pytest.fixture
def prepared(dataset: Path) -> Prepared:
    return prepare_training(make_config(options(dataset, Path("unused"), "x")))


def measured(prepared: Prepared) -> Activations:
    samples = Samples(
        prepared.parts[0].table,
        prepared.parts[0].processor,
        prepared.network.config,
        SampleOptions(count=8),
    )
    collate = Collator(prepared.parts[0].processor, prepared.network.config)
    return measure_activations(
        TrainingModule(prepared.network).train(),
        lambda count: collate([samples[k] for k in range(count)]),
        make_config(options(Path("d"), Path("o"), "x")),
    )


def test_the_plan_counts_what_adamw_keeps(prepared: Prepared) -> None:
    config = make_config(options(Path("d"), Path("o"), "x"))
    numbers = sum(parameter.numel() for parameter in prepared.network.parameters())
    plan = plan_memory(prepared.network, config, 0)
    assert plan.weights == 4 * numbers
    # The final norm of the language model is not trained.
    assert plan.optimizer == pytest.approx(8 * numbers, rel=1e-3)
    assert plan.average == pytest.approx(4 * numbers, rel=1e-3)
    assert plan_memory(prepared.network, replace(config, ema_decay=0.0), 0).average == 0


def test_recomputing_keeps_less(prepared: Prepared) -> None:
    all_kept = measured(prepared)
    recompute_activations(prepared.network)
    assert 0 < measured(prepared).per_sample < 0.5 * all_kept.per_sample


def test_what_does_not_fit_is_refused_with_the_way_out(prepared: Prepared) -> None:
    network = prepared.network
    tiny = make_config(options(Path("d"), Path("o"), "x"))
    fine_tuning = replace(tiny, base_model="some/checkpoint", ema_decay=0.0)
    none = Activations(0, 0)
    check_memory(network, tiny, none, 32, free=1e9)
    needed = plan_memory(network, tiny, 0).total
    with pytest.raises(UserError, match="more memory, or several with DeepSpeed or FSDP"):
        check_memory(network, tiny, none, 32, free=0.2 * needed)
    with pytest.raises(UserError, match="fewer samples at once with --gradient_accumulation"):
        check_memory(network, tiny, Activations(0, 1e6), 1000, free=needed + 1e7)
    with pytest.raises(UserError, match="add --lora --optim adamw8bit"):
        check_memory(network, fine_tuning, none, 32, free=0.45 * needed)


def test_the_plan_says_what_fits_a_usual_gpu(prepared: Prepared) -> None:
    config = replace(make_config(options(Path("d"), Path("o"), "x")), base_model="some/checkpoint")
    lines = describe_memory(prepared.network, config, Activations(0, 1e9), 32)
    assert lines[0].startswith("memory: 32.") and "activations 32.00" in lines[0]
    assert lines[1].startswith("fits 24 GB: no")
    lines = describe_memory(prepared.network, config, Activations(0, 1e8), 32)
    assert lines[2].startswith("fits 24 GB with --lora --optim adamw8bit: yes (3.")


def test_optimizers_are_known_and_installed(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="optim is 'sgd', expected one of adamw_torch"):
        make_config(options(dataset, Path("o"), "x", optim="sgd"))
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.path_importer_cache", {})
    with pytest.raises(UserError, match="needs the package bitsandbytes: pip install"):
        make_config(options(dataset, Path("o"), "x", optim="adamw8bit"))


# From the first step on there is little more memory than what is used already.
SMALL_MACHINE = """
import resource, sys
from groot_ros.cli.main import main
from groot_ros.training import run

class Limit(run.ProgressReport):
    def on_train_begin(self, *args, **kwargs):
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 60 * 2**20,) * 2)

run.ProgressReport = Limit
sys.exit(main())
"""


def test_lack_of_memory_is_one_sentence(dataset: Path, tmp_path: Path) -> None:
    given = options(dataset, tmp_path, "large", batch_size=800, num_train_steps=1)
    command = [sys.executable, "-c", SMALL_MACHINE, "train"]
    command += [f"--{name}={value}" for name, value in given.items()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2, done.stderr
    assert "cpu ran out of memory: add --gradient_accumulation_steps 2" in done.stderr
    assert "Traceback" not in done.stderr
