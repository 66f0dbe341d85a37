"""Output that cannot be written: a full disk, a shell that has closed it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from groot_ros.cli.main import main


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """Prints a little."""
    script = tmp_path / "prints.py"
    script.write_text(
        "import sys\n"
        "from groot_ros.cli import main as cli\n"
        "def run():\n"
        "    print('done')\n"
        "    print('told', file=sys.stderr)\n"
        "    return 0\n"
        "cli.parse = lambda arguments: run\n"
        "sys.exit(cli.main([]))\n"
    )
    return [sys.executable, str(script)]


def test_a_full_disk_is_one_sentence(command: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last == "groot-ros: the output cannot be written (No space left on device)"
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_output_is_none_of_our_business(command: list[str], closed: str) -> None:
    line = f"{command[0]} {command[1]} {closed}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("subject", ["runtime", "soak"])
@pytest.mark.parametrize(
    ("name", "words"), [("a.gif", "does not end in .png"), ("no/a.png", "there is no folder")]
)
def test_a_picture_that_cannot_be_written_is_refused_before_the_work(
    subject: str, name: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", subject, "--plot", str(tmp_path / name)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("subject", ["convert", "recorder", "view"])
def test_a_folder_that_is_not_there_is_refused(
    subject: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", subject, "--output", str(tmp_path / "no")]) == 2
    assert "is no folder: make it first" in capsys.readouterr().err
