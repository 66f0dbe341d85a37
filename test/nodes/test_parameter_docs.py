"""The documentation of the parameters is current."""

from pathlib import Path

from groot_ros.nodes.parameter_docs import page


def test_page_is_current() -> None:
    text = (Path(__file__).parents[2] / "docs/parameters.md").read_text()
    assert text == page(), "run: python -m groot_ros.nodes.parameter_docs > docs/parameters.md"
