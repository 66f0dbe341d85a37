"""The page of a dataset, clicked and typed at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pages import Page, served

from groot_ros.data.datasets.reader import Dataset
from groot_ros.data.datasets.video import VideoWriter, psnr_db, read_chosen
from groot_ros.viewer.dataset_subject import DatasetSubject

RIGHT, LEFT, DOWN, END, ENTER = "\ue014", "\ue012", "\ue015", "\ue010", "\ue007"


def film_times(page: Page) -> list[float]:
    found: list[float] = page.run(
        "return [...document.querySelectorAll('video')].map(v => v.currentTime)"
    )
    return found


def test_films_play_and_step_together(dataset: Path, driver: Any) -> None:
    with served(dataset) as server:
        page = Page(driver, server.url)
        assert len(page.texts("#episodes li")) == 3
        assert any("b <1>" in text for text in page.texts("#episodes li"))
        page.click("#episodes li:nth-child(2)")
        page.wait_for_episode(1)
        page.press(RIGHT, RIGHT, RIGHT)
        assert page.frame() == 3
        page.wait(lambda: film_times(page) == pytest.approx([3.5 / 15] * 2, abs=1e-3))
        page.press(LEFT)
        assert page.frame() == 2
        page.press(" ")
        page.wait(lambda: page.frame() > 6)
        page.press(" ")
        stopped = page.frame()
        page.wait(lambda: film_times(page) == pytest.approx([(stopped + 0.5) / 15] * 2, abs=1e-3))
        page.press(END)
        last = page.run("return Number(document.querySelector('#seek').max)")
        assert page.frame() == last
        # What was left out of the recording, and why.
        assert any(
            "camera wrist: older than max_age" in text for text in page.texts("#findings li")
        )
        assert any("steps left out" in text for text in page.texts(".badge"))
        page.press("n")
        page.wait_for_episode(2)
        assert page.run("return document.querySelectorAll('.uplot canvas').length") >= 3
        # A click into a plot seeks.
        page.click(".u-over")
        assert page.frame() == pytest.approx((last := page.run("return seek.max / 2")), abs=2), (
            last
        )
        assert page.complaints() == []


def test_edits_are_kept(dataset: Path, driver: Any) -> None:
    with served(dataset) as server:
        page = Page(driver, server.url)
        page.press("s")
        page.wait_until_saved()
        page.press(RIGHT, RIGHT, "[", RIGHT, RIGHT, RIGHT, "]")
        page.wait_until_saved()
        page.press("n")
        page.wait_for_episode(1)
        page.click("#discard")
        page.wait_until_saved()
        # Space plays after a click, it does not click again.
        page.press(" ")
        page.wait(lambda: page.frame() > 3)
        page.press(" ")
        assert page.find("#discard").get_attribute("aria-pressed") == "true"
        page.press("i")
        page.find("#instruction").send_keys("push the cube" + ENTER)
        page.wait(lambda: "push the cube" in page.texts("#episodes .words"))
        page.wait_until_saved()
        stored = json.loads((dataset / "meta" / "edits.json").read_text())["episodes"]
        assert stored["0"] == {"success": True, "start": 2, "end": 6, "revision": 3}
        assert stored["1"] == {"discard": True, "instruction": "push the cube", "revision": 2}
        page = Page(driver, server.url)
        assert page.find("#success").get_attribute("aria-pressed") == "true"
        assert page.texts(".badge.edit") == ["edited", "discarded"]
        page.click("#clear")
        page.wait_until_saved()
        assert page.find("#success").get_attribute("aria-pressed") == "false"
        assert page.complaints() == []


def test_two_tabs_lose_nothing(dataset: Path, driver: Any) -> None:
    with served(dataset) as server:
        one = Page(driver, server.url)
        driver.switch_to.new_window("tab")
        other = Page(driver, server.url)
        for page in (one, other):
            page.ignore_others()
        one.press("s")
        one.wait_until_saved()
        other.press("d")
        other.wait_until_saved()
        assert other.find("#success").get_attribute("aria-pressed") == "true"
        for page, words in ((one, "push it"), (other, "lift it")):
            page.press("i")
            page.find("#instruction").send_keys(words + ENTER)
            if page is one:
                page.wait_until_saved()
        other.wait(lambda: "elsewhere to “push it”" in other.find("#conflicts").text)
        other.click("#conflicts button:last-child")
        other.wait_until_saved()
        stored = json.loads((dataset / "meta" / "edits.json").read_text())["episodes"]["0"]
        assert stored["instruction"] == "lift it"
        assert stored["success"] is True and stored["discard"] is True
        # The first tab sees it all once it asks again.
        one.run("delete document.hidden")
        one.wait(lambda: one.find("#instruction").get_attribute("value") == "lift it")
        assert one.find("#discard").get_attribute("aria-pressed") == "true"
        assert one.complaints() == []


def pack(dataset: Path) -> None:
    """Put all episodes of a v3 dataset into one file, as LeRobot does."""
    found = Dataset(dataset)
    [meta] = sorted((dataset / "meta" / "episodes").glob("*/*.parquet"))
    rows = pq.read_table(meta).to_pylist()
    pq.write_table(
        pa.concat_tables([pq.read_table(e.data) for e in found.episodes]), dataset / "a"
    )
    for column in found.video_columns:
        clips, start_s = [episode.videos[column] for episode in found.episodes], 0.0
        height, width, _ = found.info["features"][column]["shape"]
        writer = VideoWriter(dataset / "film.mp4", round(found.fps), width, height)
        for row, clip in zip(rows, clips, strict=True):
            for picture in clip:
                writer.write(picture)
            row[f"videos/{column}/file_index"] = 0
            row[f"videos/{column}/from_timestamp"] = start_s
            start_s += row["length"] / found.fps
            row[f"videos/{column}/to_timestamp"] = start_s
        writer.close()
        for path in [clip.path for clip in clips]:
            path.unlink()
        (dataset / "film.mp4").rename(clips[0].path)
    for row, episode in zip(rows, found.episodes, strict=True):
        row["data/file_index"] = 0
        episode.data.unlink()
    (dataset / "a").rename(found.episodes[0].data)
    pq.write_table(pa.Table.from_pylist(rows), meta)


def test_a_file_with_several_episodes_is_shown_from_where_each_begins(
    dataset_v3: Path, driver: Any
) -> None:
    before = Dataset(dataset_v3)
    expected = [before.columns(episode)["action"] for episode in before.episodes]
    column = before.video_columns[0]
    pictures = [read_chosen(e.videos[column].path, [4], before.fps)[0] for e in before.episodes]
    pack(dataset_v3)
    subject = DatasetSubject(dataset_v3)
    starts_s = []
    for index, (action, picture) in enumerate(zip(expected, pictures, strict=True)):
        assert np.array_equal(subject._rows(index)["action"], action)
        film = subject.films(index)[0]
        starts_s.append(film.start_s)
        frame = round(film.start_s * film.fps) + 4
        assert psnr_db(read_chosen(film.path, [frame], film.fps)[0], picture) > 30
    assert starts_s[0] == 0.0 and len(set(starts_s)) == 3
    with served(dataset_v3) as server:
        page = Page(driver, server.url)
        page.press(DOWN)
        page.wait_for_episode(1)
        page.press(RIGHT)
        wanted = [starts_s[1] + 1.5 / 15] * 2
        page.wait(lambda: film_times(page) == pytest.approx(wanted, abs=1e-3))
        assert page.complaints() == []


def test_a_dataset_of_others_is_shown(dataset_v3: Path) -> None:
    for name in ("groot_ros.json", "modality.json"):
        (dataset_v3 / "meta" / name).unlink()
    subject = DatasetSubject(dataset_v3)
    [plot] = subject.episode(0)["plots"][:1]
    assert "state and action" in plot["title"]
    assert subject.findings(0)["measures"]["lag_s"] is None
    assert len(subject.films(0)) == 2


def test_films_that_no_browser_plays_are_shown_by_picture(dataset: Path, driver: Any) -> None:
    info = json.loads((dataset / "meta" / "info.json").read_text())
    for feature in info["features"].values():
        if feature["dtype"] == "video":
            feature["info"]["video.codec"] = "mpeg4"
    (dataset / "meta" / "info.json").write_text(json.dumps(info))
    with served(dataset) as server:
        page = Page(driver, server.url)
        page.press(RIGHT, RIGHT)
        sources = "return [...document.querySelectorAll('figure img')].map(i => i.src.slice(-2))"
        page.wait(lambda: page.run(sources) == ["/2", "/2"])
        wide = "return document.querySelector('figure img').naturalWidth"
        page.wait(lambda: page.run(wide) > 0)
        page.press(" ")
        page.wait(lambda: page.frame() > 5)
        assert page.complaints() == []


def test_edits_of_another_dataset_hide_nothing(dataset: Path, driver: Any) -> None:
    edits = dataset / "meta" / "edits.json"
    edits.write_text('{"format": 1, "dataset": "0123456789abcdef", "episodes": {}}')
    with served(dataset) as server:
        page = Page(driver, server.url)
        assert len(page.texts("#episodes li")) == 3
        assert "was made for another dataset" in page.find("#problem").text
        assert page.find("#editor").is_displayed() is False
        assert page.complaints() == []
