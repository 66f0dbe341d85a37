"""A page of facts, curves and chunks beside what was recorded: of a training, or of a comparison.

`groot-ros view` serves it and asks again for what is new; `freeze` makes it one file that needs
nothing beside it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groot_ros.viewer.plots import key_parts
from groot_ros.viewer.subject import Json

STATIC = Path(__file__).parent / "static"
PAGE = STATIC / "sheet.html"


@dataclass(frozen=True, kw_only=True)
class SheetCurve:
    """A number over steps; None is a gap."""

    name: str
    values: Sequence[float | None]
    is_dashed: bool = False


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Curves over common steps; `marks` are steps at which something was, with its name."""

    title: str
    steps: Sequence[float]
    curves: Sequence[SheetCurve]
    steps_name: str = "step"
    marks: Mapping[str, float]
    is_logarithmic: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One predicted chunk beside what was recorded, a chart for each key of the action."""

    title: str
    charts: Sequence[Chart]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """What the page shows, from above to below."""

    title: str
    path: str
    state: str
    """How far it is, in a sentence."""
    written_s: float | None
    """When that was, in s since 1970, where more may come."""
    facts: Sequence[tuple[str, str]]
    charts: Sequence[Chart]
    samples_title: str = ""
    samples: Sequence[Sample] = ()
    table: Sequence[Sequence[str]] = ()
    """Rows of words, the first one of headings."""
    commands: Sequence[tuple[str, str]] = ()
    """What to do next: words, and what to type."""

    def to_dict(self) -> Json:
        """As JSON has it, where what is not finite is None."""
        found: Json = _finite(asdict(self))
        return found


def chunk_samples(samples: Sequence[Mapping[str, Any]]) -> list[Sample]:
    """Chunks as `shown_chunks` of the training has them; what was recorded is dashed."""
    return [
        Sample(
            title=f"episode {found['episode']}, frame {found['frame']}: {found['instruction']}",
            charts=[chart for part in found["keys"] for chart in _chunk_charts(part)],
        )
        for found in samples
    ]


def _chunk_charts(part: Mapping[str, Any]) -> list[Chart]:
    """Rows (H, D) of a key, predicted and recorded; place and rotation of a pose apart."""
    names = list(part["names"])
    return [
        Chart(
            title=title,
            steps=list(range(len(part["predicted"]))),
            curves=[
                SheetCurve(
                    name=f"{name} recorded" if is_dashed else name,
                    values=[row[names.index(name)] for row in rows],
                    is_dashed=is_dashed,
                )
                for rows, is_dashed in ((part["predicted"], False), (part["recorded"], True))
                for name in chosen
            ],
            steps_name="step of the chunk",
            marks={},
        )
        for title, chosen in key_parts(str(part["name"]), names)
    ]


def freeze(sheet: Sheet) -> str:
    """The page as one file of HTML."""
    content = json.dumps(sheet.to_dict(), separators=(",", ":")).replace("<", "\\u003c")

    def inlined(match: re.Match[str]) -> str:
        file = (STATIC / (match["style"] or match["script"])).read_text()
        if match["style"]:
            return f"<style>{file}</style>"
        kind = ' type="module"' if match["module"] else ""
        return f"<script{kind}>{file}</script>"

    page = re.sub(
        r'<link rel="stylesheet" href="/static/(?P<style>[^"]+)">'
        r'|<script(?P<module> type="module")? src="/static/(?P<script>[^"]+)"( defer)?></script>',
        inlined,
        PAGE.read_text(),
    )
    data = f'<script type="application/json" id="sheet">{content}</script>'
    return page.replace("</body>", f"{data}\n</body>")


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(name): _finite(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
