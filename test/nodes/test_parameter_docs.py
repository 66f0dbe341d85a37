"""The documentation of the parameters is current."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_topics_is_current(ros_domain: int) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools/message_docs.py")],
        env={**os.environ, "ROS_DOMAIN_ID": str(ros_domain)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    text = (ROOT / "docs/messages.md").read_text()
    assert text == done.stdout, "run: python tools/message_docs.py > docs/messages.md"


def test_page_is_current() -> None:
    page = runpy.run_path(str(ROOT / "tools/parameter_docs.py"))["page"]
    text = (ROOT / "docs/parameters.md").read_text()
    assert text == page(), "run: python tools/parameter_docs.py > docs/parameters.md"
