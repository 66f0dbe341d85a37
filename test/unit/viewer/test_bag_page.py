"""Recorded bags on the page, and what a conversion would leave out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from arm_bags import ArmBag, event, picture, write_bag
from pages import Page, served

from groot_ros.data.bags.files import bags_below
from groot_ros.data.bags.reader import open_bag
from groot_ros.data.conversion.bag_edits import Carried, read_bag_edits
from groot_ros.data.datasets.video import Picture, psnr_db, read_pictures
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import Event, list_episodes
from groot_ros.viewer.bag_subject import BagSubject
from groot_ros.viewer.subject import Film


def subject_of(path: Path, codec: str = "ee_quat_joints") -> BagSubject:
    return BagSubject(path, bags_below(path), "sim", codec)


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """Two episodes; in the second one the wrist camera pauses from 6 to 7 s of the bag."""
    arm = ArmBag(seconds=9.0)
    kept = [m for m in arm.images() if not (m.topic[1] == "w" and 6.0 < m.arrival_s < 7.0)]
    events = [
        event(Event.START, 0.5, "pick"),
        event(Event.STOP, 3.5),
        event(Event.START, 4.5, "pick"),
        event(Event.STOP, 8.5),
        event(Event.FAILURE, 8.6),
    ]
    write_bag(tmp_path / "bags" / "bag", [*arm.states(), *arm.commands(), *kept, *events])
    return tmp_path / "bags"


def test_what_was_recorded_is_shown_with_what_a_conversion_drops(bag: Path) -> None:
    subject = subject_of(bag)
    first, second = subject.episodes()
    assert (first["outcome"], second["outcome"]) == ("", "failure")
    assert second["seconds"] == pytest.approx(4.0)
    assert subject.findings(0)["findings"][0]["kind"] == "mark"
    found = subject.findings(1)["findings"]
    [loss] = [f for f in found if f["kind"] == "dropped" and "camera wrist" in f["text"]]
    assert loss["first_s"] == pytest.approx(2.0, abs=0.3)
    assert loss["last_s"] == pytest.approx(2.5, abs=0.3)
    texts = [f["text"] for f in found if f["kind"] == "mark"]
    assert texts == ["start: pick", "stop", "failure"]
    episode = subject.episode(1)
    titles = [plot["title"] for plot in episode["plots"]]
    assert "ee_pose: place" in titles and "grip" in titles and "joint_position" in titles
    place = next(plot for plot in episode["plots"] if plot["title"] == "ee_pose: place")
    # The hand and its commands as the robot sends them: 0.05 m/s, the command 0.1 s ahead.
    state, command = (line["values"] for line in place["lines"] if line["name"] == "x")
    at_s = 4.5 + np.array(place["times_s"])
    assert np.allclose(np.array(state, float), 0.4 + 0.05 * at_s, atol=0.05 * 0.021)
    assert np.allclose(np.array(command, float), 0.4 + 0.05 * (at_s + 0.1), atol=0.05 * 0.04)
    assert "class='silent'" in episode["timeline"]


MOST_PICTURES = 1000


def pictures_of(film: Film) -> list[Picture]:
    return list(read_pictures(film.path, 0, MOST_PICTURES, film.fps))


def test_films_show_the_newest_picture_of_each_time(bag: Path) -> None:
    # Its films are there as long as it is.
    subject = subject_of(bag)
    films = {film.camera: film for film in subject.films(1)}
    pictures = pictures_of(films["exterior"])
    assert len(pictures) == 60
    # Pictures come at 30 Hz, taken at the full hundredths of a third.
    for index in (1, 20, 59):
        newest_s = np.floor((4.5 + index / 15) * 30 + 1e-6) / 30
        closest = max(
            psnr_db(pictures[index], picture(newest_s + shift / 30, "exterior"))
            for shift in (-1, 0, 1)
        )
        assert closest > 30
    frozen = pictures_of(films["wrist"])
    assert psnr_db(frozen[26], frozen[34]) > 45


def test_a_conversion_that_is_refused_hides_nothing(tmp_path: Path) -> None:
    arm = ArmBag(seconds=2.0)
    write_bag(tmp_path / "bag", [*arm.states(), *arm.images()])
    subject = subject_of(tmp_path / "bag")
    [refusal] = [f for f in subject.findings(0)["findings"] if f["kind"] == "unreadable"]
    assert "leaves this episode out" in refusal["text"] and "/target_pose" in refusal["text"]
    assert len(subject.films(0)) == 2
    assert "class='full'" in subject.episode(0)["timeline"]


def test_a_bag_in_the_browser(bag: Path, driver: Any) -> None:
    options = ("--robot", "sim", "--codec", "ee_quat_joints")
    with served(bag, *options) as server:
        page = Page(driver, server.url)
        page.press("n")
        page.wait_for_episode(1)
        page.press("\ue014")
        times = "return [...document.querySelectorAll('video')].map(v => v.currentTime)"
        page.wait(lambda: page.run(times) == pytest.approx([1.5 / 15] * 2, abs=1e-3))
        assert "camera wrist" in "".join(page.texts("#findings li"))
        # What is marked is kept beside the bags, as a conversion takes it.
        page.press("]", "f")
        page.wait_until_saved()
        page.press("p")
        page.wait_for_episode(0)
        page.press("d")
        page.wait_until_saved()
        page.press("i")
        page.find("#instruction").send_keys("lift it", "\ue007")
        page.wait_until_saved()
        command = page.find("#command").text
        assert f"--edits {bag / 'edits.json'}" in command and "--codec ee_quat_joints" in command
        assert page.complaints() == []
    first, second = subject_of(bag).episodes()
    assert first["edit"]["discard"] and first["edit"]["instruction"] == "lift it"
    assert (second["edit"]["success"], second["edit"]["end"]) == (False, 2)
    edits = read_bag_edits(bag / "edits.json")
    carried = Carried(edits)
    [path] = bags_below(bag)
    with open_bag(path) as opened:
        listed = list_episodes(opened, EpisodeChoice())
    kept = [episode for each in listed if (episode := carried(each))]
    carried.check()
    assert [(episode.name, episode.outcome) for episode in kept] == [(second["name"], "failure")]
    [(begin_ns, _)] = edits.left_out_ns(kept[0], 10**9 // 15)
    assert begin_ns == kept[0].start_ns + 2 * (10**9 // 15)


def test_a_list_that_is_none_for_bags_is_told(bag: Path) -> None:
    (bag / "edits.json").write_text('{"format": 1, "dataset": "9f86", "episodes": {}}')
    subject = subject_of(bag)
    told = subject.describe()
    assert "edits.json was made for another dataset" in told["problem"]
    assert not told["is_editable"] and len(subject.episodes()) == 2
