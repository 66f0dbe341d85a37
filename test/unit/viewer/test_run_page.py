"""An evaluation on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pages import Page, served

from groot_ros.data.datasets.video import VideoWriter
from groot_ros.sim.trials import Outcome, Trials, summarize
from groot_ros.viewer.run_subject import RunSubject


def write_run(folder: Path) -> None:
    """What groot-ros evaluate writes of three trials, of which the second one failed."""
    outcomes = [
        Outcome(7, "pick up the red cube", True, 4.0),
        Outcome(8, "pick up the red cube", False, 2.0, "did not lift the cube"),
        Outcome(9, "pick up the red cube", True, 5.0),
    ]
    result = {"variant": "ee_quat", "via": "inprocess"}
    result |= summarize(Trials("pick", 3, 7), outcomes)
    (folder / "failures").mkdir()
    (folder / "evaluation.json").write_text(json.dumps(result))
    writer = VideoWriter(folder / "failures" / "scene_8.mp4", 15, 64, 48)
    for index in range(30):
        writer.write(np.full((48, 64, 3), 5 * index, np.uint8))
    writer.close()


def test_failures_come_first_with_their_films(tmp_path: Path, driver: Any) -> None:
    write_run(tmp_path)
    with served(tmp_path) as server:
        page = Page(driver, server.url)
        assert ["scene 8" in text for text in page.texts("#episodes li")] == [True, False, False]
        page.wait_for_episode(1)
        assert "did not lift the cube" in "".join(page.texts(".badge"))
        page.press("\ue014")
        times = "return [...document.querySelectorAll('video')].map(v => v.currentTime)"
        page.wait(lambda: len(page.run(times)) == 1 and abs(page.run(times)[0] - 0.1) < 1e-3)
        page.press("n")
        page.wait_for_episode(0)
        assert page.run("return document.querySelectorAll('video').length") == 0
        assert page.complaints() == []


def test_films_outside_of_the_folder_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_run(tmp_path / "run")
    film = tmp_path / "run" / "failures" / "scene_8.mp4"
    film.symlink_to(film.rename(tmp_path / "outside.mp4"))
    assert RunSubject(tmp_path / "run").films(1) == []
