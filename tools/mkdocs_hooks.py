"""What `make docs` changes in the pages: files of the repository are named, not linked."""

from __future__ import annotations

import re

OUTSIDE = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]*)[^)]*\)")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Links that leave the documentation have no end in the site."""
    return OUTSIDE.sub(lambda link: f"{link[1]} (`{link[2]}`)", markdown)
