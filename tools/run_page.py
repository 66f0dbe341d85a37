"""Runs the commands of a page and puts what they print under them: `run_page.py docs/so101.md`.

Of a block ```bash each command is run in the folder of the clone, except those marked with a
dagger; a block ```text behind it is what they print, and is written anew. A command that fails
ends it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"```bash\n(.*?)```(?:(\n+)```text\n.*?```)?", re.DOTALL)
MARK = "\u2020"
# Longer outputs are cut in the middle.
MOST_LINES = 28


def page_with_outputs(text: str) -> str:
    """The page with its commands run."""
    return BLOCK.sub(_run, text)


def _run(block: re.Match[str]) -> str:
    printed = ""
    for command in block[1].replace("\\\n", " ").splitlines():
        if MARK not in command and command.strip():
            printed += run(command)
    if block[2] is None:
        return block[0]
    lines = [line for line in printed.splitlines() if line.strip()]
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines = [*lines[:half], "...", *lines[-half:]]
    shown = "".join(f"{line.rstrip()}\n" for line in lines)
    return f"```bash\n{block[1]}```{block[2]}```text\n{shown}```"


def run(command: str) -> str:
    """What a command prints; CalledProcessError where it fails."""
    print(f"+ {command}", flush=True)
    environment = {**os.environ, "COLUMNS": "100"}
    done = subprocess.run(
        ["bash", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    print(done.stdout, flush=True)
    done.check_returncode()
    return done.stdout.replace(f"{ROOT}/", "")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(page_with_outputs(page.read_text()))
