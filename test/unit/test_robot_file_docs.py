"""The page about the robot file is current, and tells of every key what it takes."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_page_is_current() -> None:
    page = runpy.run_path(str(ROOT / "tools/robot_file_docs.py"))["page"]
    text = (ROOT / "docs/robot_file.md").read_text()
    assert text == page(), "run: python tools/robot_file_docs.py > docs/robot_file.md"


def test_every_key_is_shown_with_what_it_takes() -> None:
    tool = runpy.run_path(str(ROOT / "tools/robot_file_docs.py"))
    keys = [
        (place, key, field) for place, k in tool["asked"]().items() for key, field in k.items()
    ]
    assert len(keys) > 100
    silent = [
        f"{place}.{key}" for place, key, field in keys if tool["value"](field.type) == "value"
    ]
    assert not silent, "give these a type that says what it takes"
