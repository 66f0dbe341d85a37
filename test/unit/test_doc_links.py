"""Links in the documentation lead somewhere, and the site shows every page."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PAGES = [
    page
    for pattern in ("*.md", "docs/*.md", "examples/*/*.md")
    for page in sorted(ROOT.glob(pattern))
]
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in a link."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def test_every_link_has_an_end() -> None:
    broken = []
    for page in PAGES:
        for link in LINK.findall(page.read_text()):
            if "://" in link or link.startswith("mailto:"):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            is_there = target.exists() and (not anchor or anchor in anchors(target))
            broken += [] if is_there else [f"{page.name}: {link}"]
    assert not broken


def test_the_site_and_its_first_page_show_every_page() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    shown = set(re.findall(r"[\w]+\.md", str(nav)))
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert shown == pages
    linked = {
        link.partition("#")[0] for link in LINK.findall((ROOT / "docs/index.md").read_text())
    }
    assert linked == pages - {"index.md"}
