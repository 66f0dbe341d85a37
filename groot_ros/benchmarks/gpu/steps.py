"""The steps of the check, the most valuable first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError

N17, N16 = "N1.7", "N1.6"
# Numbers and how the stages run, as `Groot.load` takes them.
GRAPHS, EAGER = ("bfloat16", "default"), ("bfloat16", "off")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where the steps run and how large: `small` is the dry run."""

    device: str
    folder: Path
    """For the files of this run."""
    small: bool

    def config(self, version: str, size: str = "full") -> str:
        """Name of the network in `benchmark_config.CONFIGS`."""
        return ("tiny" if self.small else size) + ("_n16" if version == N16 else "")

    def mode(self, name: str) -> str:
        """How stages run; on a CPU there are no graphs, and compiling is tried without tuning."""
        if self.device != "cpu":
            return name
        return {"default": "off", "max": "default"}.get(name, name)

    def repeats(self, count: int) -> int:
        """How often to measure."""
        return 2 if self.small else count

    def limit_s(self, step: Step) -> float:
        """How long a step may take."""
        return step.limit_s * (PATIENCE if self.small else 1)

    @property
    def dataset(self) -> Path:
        return self.folder / "dataset"

    def checkpoint(self, version: str) -> Path:
        """Folder of the checkpoint with random weights."""
        return self.folder / f"checkpoint_{version}"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A function `module:name` of a Setting and options that yields Results.

    It is not begun with less than `least_s` left, and ended after `limit_s`; `needs` are steps
    whose files it reads.
    """

    name: str
    title: str
    function: str
    options: Mapping[str, Any] = field(default_factory=dict)
    least_s: float = 10.0
    limit_s: float = 60.0
    needs: tuple[str, ...] = ()


def _step(name: str, title: str, function: str, limits: tuple[float, float], **other: Any) -> Step:
    needs = other.pop("needs", ())
    least_s, limit_s = limits
    return Step(
        name=name,
        title=title,
        function=f"groot_ros.benchmarks.gpu.{function}",
        options=other,
        least_s=least_s,
        limit_s=limit_s,
        needs=needs,
    )


def _training(name: str, title: str, method: str) -> Step:
    limits, needs = (40, 120), ("dataset", "checkpoint")
    return _step(name, title, "training:measure", limits, method=method, needs=needs)


HALVES_AND_FLOAT = [("float16", "default"), ("float32", "default"), ("float32", "off")]
MACHINE = _step("machine", "card, driver, versions", "machine:describe", (5, 150))
STEPS = (
    _step(
        "parity",
        "tiny networks against the CPU",
        "parity:compare",
        (10, 60),
        versions=[N17, N16],
        sizes=["tiny"],
    ),
    _step("n17", "N1.7 by stage", "inference:stages", (10, 60), version=N17, runs=[GRAPHS, EAGER]),
    _step("n16", "N1.6 by stage", "inference:stages", (10, 60), version=N16, runs=[GRAPHS, EAGER]),
    _step(
        "parity_mid",
        "a third of N1.7 and N1.6 against the CPU",
        "parity:compare",
        (20, 90),
        versions=[N17, N16],
        sizes=["mid"],
    ),
    _step(
        "heads",
        "the action head in its own kernels and in PyTorch's",
        "heads:compare",
        (15, 60),
        versions=[N17, N16],
    ),
    _step("checkpoint", "a full checkpoint", "files:checkpoint", (15, 90), version=N17),
    _step(
        "chunk",
        "observation to chunk as the policy node does",
        "chunk:loop",
        (20, 90),
        version=N17,
        needs=("checkpoint",),
    ),
    _step("dataset", "a dataset", "files:dataset", (10, 60)),
    _training("train_head", "training of the action head", "head"),
    _training("train_lora", "training with LoRA", "lora"),
    _training("train_top", "training of head and top layers", "top layers"),
    _step("resume", "resume", "resume:tiny", (15, 60), needs=("dataset",)),
    _step("loader", "the loader", "loader:rates", (15, 60), needs=("dataset",)),
    _step(
        "parity_full",
        "full N1.7 against the CPU",
        "parity:compare",
        (40, 120),
        versions=[N17],
        sizes=["full"],
    ),
    _step("batches", "batches of N1.7 and N1.6", "inference:batches", (15, 60)),
    _step(
        "n17_numbers",
        "N1.7 in float16 and float32",
        "inference:stages",
        (10, 60),
        version=N17,
        runs=HALVES_AND_FLOAT,
    ),
    _step(
        "n16_numbers",
        "N1.6 in float16 and float32",
        "inference:stages",
        (10, 60),
        version=N16,
        runs=HALVES_AND_FLOAT,
    ),
    _step(
        "tests",
        "the tests for a GPU",
        "tests:run",
        (20, 120),
        chosen="not test_compiled_kernels",
    ),
    _step(
        "n17_compiled",
        "N1.7 compiled",
        "inference:stages",
        (60, 240),
        version=N17,
        runs=[("bfloat16", "max")],
    ),
    _step(
        "n16_compiled",
        "N1.6 compiled",
        "inference:stages",
        (60, 240),
        version=N16,
        runs=[("bfloat16", "max")],
    ),
    _step(
        "parity_full_n16",
        "full N1.6 against the CPU",
        "parity:compare",
        (40, 120),
        versions=[N16],
        sizes=["full"],
    ),
    _step("checkpoint_n16", "a full checkpoint", "files:checkpoint", (15, 90), version=N16),
    _step(
        "chunk_n16",
        "observation to chunk with N1.6",
        "chunk:loop",
        (20, 90),
        version=N16,
        needs=("checkpoint_n16",),
    ),
    _step(
        "resume_full",
        "resume at full size",
        "resume:full",
        (60, 180),
        needs=("dataset", "checkpoint"),
    ),
    _step(
        "tests_compiled",
        "the tests of compiled kernels",
        "tests:run",
        (60, 300),
        chosen="test_compiled_kernels",
    ),
)
# Beside a dry run there may be anything.
PATIENCE = 10


def choose(only: list[str], without: list[str]) -> list[Step]:
    """Steps by name and those whose files they need, in order; UserError names an unknown one."""
    by_name = {step.name: step for step in STEPS}
    if unknown := [name for name in only + without if name not in by_name]:
        raise UserError(f"step {unknown[0]!r} is unknown, expected one of {', '.join(by_name)}")
    chosen = set(only or by_name) - set(without)
    chosen |= {need for name in chosen for need in by_name[name].needs}
    return [step for step in STEPS if step.name in chosen]
