"""Environments of other people's software, made on demand under build/interop.

They are never this package's own: what they pin would change it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "interop"
THEIRS = Path(__file__).parent / "theirs"
INSTALL_S, RUN_S = 3600.0, 600.0
MADE = "made.txt"

Install = tuple[str, ...]
"""Arguments of one `pip install`."""


class Environment:
    """A Python with other people's packages; what runs there sees nothing of this package."""

    def __init__(self, python: Path) -> None:
        self.python = python
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.variables = {**kept, "HF_HUB_OFFLINE": "1"}

    def run(self, script: str, *arguments: object) -> str:
        """What a script of `theirs` prints; its failure is the test's."""
        done = subprocess.run(
            self.command(script, *arguments),
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=RUN_S,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def command(self, script: str, *arguments: object) -> list[str]:
        """To start a script of `theirs`."""
        return [str(self.python), str(THEIRS / script), *map(str, arguments)]


@pytest.fixture(scope="session")
def environment() -> Callable[..., Environment]:
    """`environment(name, installs...)`; the test is skipped where something cannot be had."""

    def make(name: str, *installs: Install) -> Environment:
        folder = FOLDER / name
        python = folder / "bin" / "python"
        wanted = repr(installs)
        made = folder / MADE
        if made.is_file() and made.read_text() == wanted:
            return Environment(python)
        shutil.rmtree(folder, ignore_errors=True)
        found = Environment(python)
        commands = [[sys.executable, "-m", "venv", str(folder)]]
        commands += [[str(python), "-m", "pip", "install", "-q", *args] for args in installs]
        for command in commands:
            done = subprocess.run(
                command, env=found.variables, capture_output=True, text=True, timeout=INSTALL_S
            )
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no reason"])[-1]
                pytest.skip(f"{' '.join(command[-2:])} cannot be had: {last}")
        made.write_text(wanted)
        return found

    return make


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run in which every test was skipped has shown nothing and fails."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == 0 and reporter and not reporter.stats.get("passed"):
        session.exitstatus = 1
