"""The documentation of the parameters is current."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_page_is_current() -> None:
    page = runpy.run_path(str(ROOT / "tools/parameter_docs.py"))["page"]
    text = (ROOT / "docs/parameters.md").read_text()
    assert text == page(), "run: python tools/parameter_docs.py > docs/parameters.md"
