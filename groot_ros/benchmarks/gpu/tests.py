"""The tests that need a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from groot_ros.benchmarks.gpu.record import Result, Skip
from groot_ros.benchmarks.gpu.steps import Setting

ROOT = Path(__file__).parents[3]
TESTS = Path("test/unit/model/test_gpu.py")
COUNTS = ("tests", "failures", "errors", "skipped")


def run(setting: Setting, chosen: str) -> Iterator[Result]:
    """How many of those that pytest's -k chooses passed; RuntimeError names those that did not."""
    if not (ROOT / TESTS).exists():
        raise Skip(f"{TESTS} is not in {ROOT}: run the check from a checkout")
    report = setting.folder / "tests.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(TESTS)]
    command += ["-k", chosen]
    hidden = {} if setting.device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, f"--junitxml={report}"], cwd=ROOT, env={**os.environ, **hidden}
    )
    if not report.exists():
        raise RuntimeError(f"pytest ended with {done.returncode} and no report")
    suite = ElementTree.parse(report).getroot()[0]
    counts = {name: int(suite.get(name, "0")) for name in COUNTS}
    yield Result(
        case={"file": TESTS.name, "chosen": chosen},
        values={name: (float(n), "") for name, n in counts.items()},
    )
    failed = [str(case.get("name")) for case in suite.iter("testcase") if len(case)]
    if setting.device == "cuda" and (failed or not counts["tests"]):
        raise RuntimeError(f"not passed: {', '.join(failed) or 'no test ran'}")
