"""docs/measured.md, made from the records in docs/measured: `python -m` this module > the page."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.benchmarks.gpu.check import MEASURED
from groot_ros.benchmarks.gpu.record import OK, Record, Result, StepOutcome, read
from groot_ros.errors import UserError

INTRODUCTION = """# Measured on GPUs

Made by `python -m groot_ros.benchmarks.gpu.page` from the records in `docs/measured/`, which
`scripts/gpu_check.sh` writes. Weights are random, shapes those of the released networks; pictures
are 256x256, two per observation. `compile` means what it does in [model.md](model.md). Times are
medians, those behind the slash 95th percentiles."""
NOTHING = """
No machine with a GPU has run `scripts/gpu_check.sh` yet. The numbers for an H100 and an H200 in
[model.md](model.md) are older: `groot-ros benchmark model` measured them, and they were written
down by hand."""
FACTS = ("card", "driver", "cuda", "torch", "transformers", "python", "processor", "cores")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Results of some steps side by side: which parts of a case and which values are shown."""

    title: str
    steps: tuple[str, ...]
    case: tuple[str, ...]
    values: tuple[str, ...]


TABLES = (
    Table(
        title="Inference by stage",
        steps=("n17", "n16", "n17_numbers", "n16_numbers", "n17_compiled", "n16_compiled"),
        case=("model", "dtype", "compile", "uncompiled"),
        values=(
            "preprocess",
            "vision",
            "language",
            "head",
            "total",
            "first call",
            "memory",
            "memory reserved",
        ),
    ),
    Table(
        title="The action head in its own kernels and in PyTorch's, both as CUDA graphs",
        steps=("heads",),
        case=("model", "dtype", "kernels"),
        values=("head", "differ by"),
    ),
    Table(
        title="Observation to chunk, as the policy node does",
        steps=("chunk", "chunk_n16"),
        case=("model", "chunks", "dtype", "compile"),
        values=("observation age", "decode", "model", "chunks", "loaded and warm", "memory"),
    ),
    Table(
        title="Batches, plain form",
        steps=("batches",),
        case=("model", "dtype", "batch"),
        values=("batch", "observations", "memory"),
    ),
    Table(
        title="Training N1.7",
        steps=("train_head", "train_lora", "train_top"),
        case=("method", "batch", "outcome"),
        values=("trained", "step", "samples", "loader", "memory", "memory planned"),
    ),
    Table(
        title="Loader alone",
        steps=("loader",),
        case=("processes",),
        values=("from memory", "from videos", "opening a video per picture"),
    ),
    Table(
        title="Resume",
        steps=("resume", "resume_full"),
        case=("size",),
        values=(
            "last three steps change weights by",
            "resumed weights differ by",
            "whole run",
            "resumed half",
        ),
    ),
    Table(
        title="Against the CPU in float32",
        steps=("parity", "parity_mid", "parity_full", "parity_full_n16"),
        case=("model", "size", "dtype", "compile", "uncompiled"),
        values=("vision error", "language error", "actions differ by", "changed by graphs"),
    ),
    Table(
        title="Tests for a GPU",
        steps=("tests", "tests_compiled"),
        case=("chosen",),
        values=("tests", "failures", "errors", "skipped"),
    ),
)


def page(folder: Path = MEASURED) -> str:
    """The whole page; UserError when a record is that of a dry run."""
    records = [(path, read(path)) for path in sorted(folder.glob("*.json"))]
    if dry := [path.name for path, record in records if record.dry_run]:
        raise UserError(f"{dry[0]} is the record of a dry run, which measures nothing: delete it")
    parts = [part for path, record in records for part in section(path, record)]
    return "\n".join([INTRODUCTION, *(parts or [NOTHING])]) + "\n"


def section(path: Path, record: Record) -> list[str]:
    """Lines about one record."""
    machine = record.machine
    facts = ", ".join(f"{name} {machine[name]}" for name in FACTS[1:] if machine.get(name))
    lines = ["", f"## {machine['card']}, {record.started[:10]}", ""]
    lines += [f"{facts}; commit {record.commit or 'unknown'}. `{path.name}` has every number."]
    for table in TABLES:
        results = [r for o in record.outcomes if o.step in table.steps for r in o.results]
        if results:
            lines += ["", f"### {table.title}", "", *rows(table, results)]
    if not_run := [outcome for outcome in record.outcomes if outcome.status != OK]:
        lines += ["", "### Not run to the end", "", *_reasons(not_run)]
    return lines


def rows(table: Table, results: Sequence[Result]) -> list[str]:
    """A Markdown table of results."""
    case = [name for name in table.case if any(r.case.get(name, "") != "" for r in results)]
    shown = [name for name in table.values if any(name in result.values for result in results)]
    lines = [_row([*case, *shown]), "|" + "---|" * (len(case) + len(shown))]
    for result in results:
        parts: Mapping[str, Any] = result.case
        cells = [str(parts.get(name, "")) for name in case]
        lines.append(_row([*cells, *(_cell(result, name) for name in shown)]))
    return lines


def _cell(result: Result, name: str) -> str:
    if name not in result.values:
        return ""
    value, unit = result.values[name]
    text = f"{value:.4g}"
    if f"{name} p95" in result.values:
        text += f" / {result.values[f'{name} p95'][0]:.4g}"
    return f"{text} {unit}".strip()


def _reasons(outcomes: Iterable[StepOutcome]) -> list[str]:
    lines = [_row(["step", "", "why"]), "|---|---|---|"]
    return lines + [_row([o.step, o.status, o.reason.replace("|", "/")]) for o in outcomes]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    try:
        sys.stdout.write(page())
    except UserError as error:
        sys.exit(str(error))
