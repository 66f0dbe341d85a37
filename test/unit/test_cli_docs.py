"""The documentation of the command line is current."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_page_is_current() -> None:
    page = runpy.run_path(str(ROOT / "tools/cli_docs.py"))["page"]
    text = (ROOT / "docs/cli.md").read_text()
    assert text == page(), "run: python tools/cli_docs.py > docs/cli.md"


def test_the_page_of_python_is_current() -> None:
    page = runpy.run_path(str(ROOT / "tools/python_docs.py"))["page"]
    text = (ROOT / "docs/python.md").read_text()
    assert text == page(), "run: python tools/python_docs.py > docs/python.md"


def test_the_licence_of_every_requirement_is_listed() -> None:
    tool = runpy.run_path(str(ROOT / "tools/licence_docs.py"))
    text = (ROOT / "docs/licences.md").read_text()
    names = [name for file in tool["FILES"] for name in tool["packages"](file)]
    assert len(names) > 40
    assert not [n for n in names if tool["ROS"] not in n and f"| {n} |" not in text]
