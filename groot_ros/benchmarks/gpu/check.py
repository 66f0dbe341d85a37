"""Measure what a GPU gives GR00T, step by step, into one JSON file: `scripts/gpu_check.sh`.

This process keeps the record and the time; it never imports torch.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

from groot_ros.benchmarks.gpu import step_process
from groot_ros.benchmarks.gpu.record import OK, SKIPPED, Record, StepOutcome
from groot_ros.benchmarks.gpu.steps import MACHINE, Setting, Step, choose
from groot_ros.errors import UserError

ROOT = Path(__file__).parents[3]
MEASURED = ROOT / "docs" / "measured"
WORK = ROOT / "build" / "gpu_check"
MINUTES = 8.0


def build_parser() -> argparse.ArgumentParser:
    """What reads the command line of the check."""
    parser = argparse.ArgumentParser(prog="gpu_check.sh", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, help="for everything (default: 8)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="the same steps, small and on the CPU: no numbers"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="STEP", help="these alone")
    parser.add_argument("--without", nargs="+", default=[], metavar="STEP", help="not these")
    parser.add_argument(
        "--output", type=Path, help="JSON file (default: docs/measured/CARD_TIME.json)"
    )
    parser.add_argument(
        "--folder", type=Path, default=WORK, help="for up to 30 GB while it runs, then deleted"
    )
    parser.add_argument("--since", type=float, help=argparse.SUPPRESS)
    return parser


class Check:
    """Runs steps until the time is up; owner of the record and of its file."""

    def __init__(
        self, record: Record, setting: Setting, output: Path | None, end_s: float
    ) -> None:
        self.record, self._setting, self._end_s = record, setting, end_s
        self._output = output
        self._start: Any = None

    @property
    def output(self) -> Path:
        """The file of the record."""
        return self._output or default_output(self.record)

    def find_machine(self) -> None:
        """Learn what this machine is; UserError when it has no GPU that can be used."""
        # A card that some import woke cannot be used by a copy of that process.
        for method in ("forkserver", "spawn"):
            self._start = step_process.context(method)
            limit_s = self._setting.limit_s(MACHINE)
            found = step_process.run(MACHINE, self._setting, limit_s, self._start)
            if found.outcome.status == OK:
                self.record.machine = {**found.facts, "processes": method}
                self.record.write(self.output)
                return
        raise UserError(f"this machine cannot be measured: {found.outcome.reason}")

    def run(self, steps: Sequence[Step]) -> None:
        """Run them one after the other; the file is written after each."""
        for number, step in enumerate(steps, start=1):
            print(f"[{number}/{len(steps)}] {step.title}", flush=True)
            try:
                outcome = self._attempt(step)
            except KeyboardInterrupt:
                for rest in steps[number - 1 :]:
                    self._keep(_skipped(rest, "interrupted"))
                raise
            self._keep(outcome)
            for result in outcome.results:
                print(f"    {result}")
            reason = f": {outcome.reason}" if outcome.reason else ""
            print(f"    {outcome.status} after {outcome.seconds:.0f} s{reason}", flush=True)

    def _keep(self, outcome: StepOutcome) -> None:
        self.record.outcomes.append(outcome)
        self.record.write(self.output)

    def _attempt(self, step: Step) -> StepOutcome:
        done = {outcome.step for outcome in self.record.outcomes if outcome.status == OK}
        if missing := [name for name in step.needs if name not in done]:
            return _skipped(step, f"it needs the step {missing[0]}, which did not end well")
        left_s = max(0.0, self._end_s - time.monotonic())
        if left_s < step.least_s:
            return _skipped(
                step, f"{left_s:.0f} s were left and it takes {step.least_s:.0f} s at least"
            )
        limit_s = min(self._setting.limit_s(step), left_s)
        return step_process.run(step, self._setting, limit_s, self._start).outcome


def _skipped(step: Step, reason: str) -> StepOutcome:
    return StepOutcome(step=step.name, title=step.title, status=SKIPPED, reason=reason)


def default_output(record: Record) -> Path:
    """Where a record belongs: with the measured ones, that of a dry run elsewhere."""
    if record.dry_run:
        return WORK / "dry_run.json"
    card = re.sub(r"[^a-z0-9]+", "_", record.machine["card"].lower()).strip("_")
    moment = re.sub(r"[^0-9T]", "", record.started)[:13]
    return MEASURED / f"{card}_{moment}.json"


def commit() -> str:
    """The commit of the checkout, marked where files were changed; empty outside of one."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments]
        done = subprocess.run(command, capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else ""

    if shutil.which("git") is None or not (found := git("rev-parse", "HEAD")):
        return ""
    return f"{found} with changes" if git("status", "--porcelain") else found


def check(args: argparse.Namespace) -> int:
    """Run the steps that were asked for; 0 when all of them ran to their end."""
    begun_s = time.time() if args.since is None else args.since
    end_s = time.monotonic() + 60 * args.minutes - (time.time() - begun_s)
    steps = choose(args.only, args.without)
    if args.dry_run and args.output and args.output.resolve().is_relative_to(MEASURED):
        raise UserError(f"a dry run measures nothing, and {MEASURED} is for what was measured")
    record = Record(
        dry_run=args.dry_run,
        started=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        commit=commit(),
    )
    args.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        device = "cpu" if args.dry_run else "cuda"
        setting = Setting(device=device, folder=Path(name), small=args.dry_run)
        running = Check(record, setting, args.output, end_s)
        try:
            running.find_machine()
            print(_headline(record, running.output), flush=True)
            running.run(steps)
        finally:
            logs = args.folder / "logs"
            shutil.rmtree(logs, ignore_errors=True)
            logs.mkdir()
            for log in setting.folder.glob("*.log"):
                shutil.copy(log, logs)
    print(_conclusion(record, running.output, logs))
    return 0 if record.complete else 1


def _headline(record: Record, output: Path) -> str:
    machine = record.machine
    device = machine.get("card", f"a dry run on {machine['processor']}")
    return f"{device}, torch {machine['torch']}; the record is {output}, written after each step"


def _conclusion(record: Record, output: Path, logs: Path) -> str:
    failed = [outcome.step for outcome in record.outcomes if outcome.status != OK]
    lines = [f"{len(record.outcomes) - len(failed)} of {len(record.outcomes)} steps ran: {output}"]
    if failed:
        lines.append(f"not, or not to their end: {', '.join(failed)}; what they said is in {logs}")
        lines.append(f"again: scripts/gpu_check.sh --only {' '.join(failed)}")
    if not record.dry_run:
        lines.append(
            "then: python -m groot_ros.benchmarks.gpu.page > docs/measured.md, and commit"
        )
    return "\n".join(lines)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `scripts/gpu_check.sh`."""
    args = build_parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    # The check for a card must not wake it: what follows is copied from the process that asks.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    # One card is measured, and nobody is told of these trainings.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    os.environ.pop("WANDB_API_KEY", None)
    try:
        return check(args)
    except UserError as error:
        print(f"gpu_check.sh: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("gpu_check.sh: interrupted; what was measured until then is kept", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
