"""A step in a process of its own, ended with everything that it started when its time is up."""

from __future__ import annotations

import importlib
import json
import multiprocessing
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.benchmarks.gpu.record import (
    FAILED,
    OK,
    SKIPPED,
    TIMED_OUT,
    Result,
    Skip,
    StepOutcome,
)
from groot_ros.benchmarks.gpu.steps import Setting, Step
from groot_ros.errors import UserError

# Imported once, in a process that every step's process is a copy of; none of them touches the GPU.
PRELOADED = (
    "groot_ros.training.run",
    "groot_ros.benchmarks.model",
    "groot_ros.policies.checkpoint.local",
)
# A process that does not end by itself is killed after this.
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Finished:
    """A step's outcome and the facts that it told."""

    outcome: StepOutcome
    facts: dict[str, Any]


def context(method: str) -> Any:
    """A multiprocessing context: processes of `forkserver` start with everything imported, of
    `spawn` with nothing."""
    made = multiprocessing.get_context(method)
    if method == "forkserver":
        made.set_forkserver_preload(list(PRELOADED))
    return made


def run(step: Step, setting: Setting, limit_s: float, start: Any) -> Finished:
    """Run a step for at most `limit_s`, in a process of the context `start`."""
    lines = setting.folder / f"{step.name}.jsonl"
    log = setting.folder / f"{step.name}.log"
    process = start.Process(target=_work, args=(step, setting, lines, log), name=step.name)
    started_s = time.monotonic()
    process.start()
    try:
        process.join(limit_s)
        timed_out = process.is_alive()
    finally:
        _end(process)
    seconds = round(time.monotonic() - started_s, 2)
    return _finished(
        step, lines, log=log, seconds=seconds, timed_out=timed_out, exit_code=process.exitcode
    )


def _end(process: Any) -> None:
    """SIGTERM, then SIGKILL, to the process and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.is_alive():
            _signal(process, number)
            process.join(PATIENCE_S)
    # Loader processes may outlive it.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _signal(process: Any, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        # It has not made a group of its own yet.
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def _work(step: Step, setting: Setting, lines: Path, log: Path) -> None:
    """In the step's process: a line of JSON for everything that it yields."""
    os.setsid()
    # Loaders start their processes as in any other program.
    multiprocessing.set_start_method(None, force=True)
    with log.open("ab", buffering=0) as output:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(output.fileno(), stream.fileno())
    with lines.open("w", buffering=1) as file:
        status, reason = _status(step, setting, file)
        file.write(json.dumps({"status": status, "reason": reason}) + "\n")
    sys.exit(status == FAILED)


def _status(step: Step, setting: Setting, file: Any) -> tuple[str, str]:
    module, name = step.function.split(":")
    try:
        function = getattr(importlib.import_module(module), name)
        for found in function(setting, **step.options):
            if isinstance(found, Result):
                file.write(json.dumps({"case": found.case, "values": found.values}) + "\n")
            else:
                file.write(json.dumps({"facts": found}) + "\n")
    except Skip as reason:
        return SKIPPED, str(reason)
    except UserError as error:
        return FAILED, str(error)
    # Whatever a step runs into, the others go on.
    except Exception as error:
        traceback.print_exc()
        first_line = str(error).strip().partition("\n")[0]
        return FAILED, f"{type(error).__name__}: {first_line}"
    return OK, ""


def _finished(
    step: Step, lines: Path, log: Path, seconds: float, timed_out: bool, exit_code: int | None
) -> Finished:
    found = _read(lines)
    results = tuple(Result.of(line) for line in found if "case" in line)
    facts = [line["facts"] for line in found if "facts" in line]
    told = [line for line in found if "status" in line]
    if told:
        status, reason = told[-1]["status"], told[-1]["reason"]
    elif timed_out:
        status, reason = TIMED_OUT, f"ended after {seconds:.0f} s"
    else:
        status, reason = FAILED, _death(exit_code, log)
    outcome = StepOutcome(
        step=step.name,
        title=step.title,
        status=status,
        reason=reason,
        seconds=seconds,
        results=results,
    )
    return Finished(outcome, facts[-1] if facts else {})


def _read(lines: Path) -> list[dict[str, Any]]:
    if not lines.exists():
        return []
    found = []
    for line in lines.read_text().splitlines():
        # The last one may have been cut off.
        with suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def _death(exit_code: int | None, log: Path) -> str:
    text = log.read_text(errors="replace").strip() if log.exists() else ""
    last = text.splitlines()[-1] if text else "it said nothing"
    if exit_code == -signal.SIGKILL:
        return f"killed, as Linux does when memory runs out: {last}"
    return f"ended with {exit_code}: {last}"
