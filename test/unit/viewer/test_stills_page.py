"""Datasets with pictures in their tables on the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import lerobot_dataset as lerobot
import numpy as np
import pytest
from pages import Page, served


@pytest.mark.parametrize("v3", [False, True])
def test_pictures_in_tables_are_shown_one_by_one(v3: bool, tmp_path: Path, driver: Any) -> None:
    lerobot.write(tmp_path / "set", lerobot.Flavour(v3=v3, stills=True))
    with served(tmp_path / "set") as server:
        page = Page(driver, server.url)
        page.press("n")
        page.wait_for_episode(1)
        page.press("\ue014" * 3)
        shown = "const i = document.querySelector('#films img'); return [i?.src, i?.naturalWidth]"
        wanted = f"{server.url}api/episodes/1/films/0/3"
        page.wait(lambda: page.run(shown) == [wanted, lerobot.SIZE[1]])
        answer, body = server.ask("/api/episodes/1/films/0/3")
        assert answer.status == 200
        picture = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(picture - lerobot.picture(1, 3).astype(int)).max() <= 2
        thumbnails = """return [...document.querySelectorAll('#episodes img')]
            .map(i => i.naturalWidth)"""
        page.wait(lambda: page.run(thumbnails) == [lerobot.SIZE[1]] * 2)
        # The table itself is no film.
        assert server.ask("/api/episodes/1/films/0")[0].status == 404
        assert server.ask("/api/episodes/1/films/0/99")[0].status == 404
        assert page.complaints() == []
