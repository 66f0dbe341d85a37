"""The documentation of the command line is current."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_page_is_current() -> None:
    page = runpy.run_path(str(ROOT / "tools/cli_docs.py"))["page"]
    text = (ROOT / "docs/cli.md").read_text()
    assert text == page(), "run: python tools/cli_docs.py > docs/cli.md"
