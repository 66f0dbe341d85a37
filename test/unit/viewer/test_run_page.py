"""An evaluation on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import Page, served

from groot_ros.chunks.chunk import Chunk
from groot_ros.data.datasets.video import VideoWriter
from groot_ros.demo.trace import PublishedChunk, Sample, Trace
from groot_ros.demo.trial_record import write_trial
from groot_ros.signals.signals import EE_POSE, GRIP, Signals
from groot_ros.sim.scene import ARM_JOINTS
from groot_ros.sim.trials import Films, Outcome, Trials, summarize
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
        assert page.texts("#name") == ["Trial 1 · scene 8"] and page.texts("#count") == [
            "3 trials"
        ]
        assert "pisode" not in page.find("main").text
        assert "did not lift the cube" in "".join(page.texts(".badge"))
        page.press("\ue014")
        times = "return [...document.querySelectorAll('video')].map(v => v.currentTime)"
        page.wait(lambda: len(page.run(times)) == 1 and abs(page.run(times)[0] - 0.1) < 1e-3)
        page.press("n")
        page.wait_for_episode(0)
        assert page.run("return document.querySelectorAll('video').length") == 0
        assert page.complaints() == []


def trial_trace() -> Trace:
    """A hand that goes 10 cm to the side in 2 s, commanded 1 cm ahead, with a chunk a second."""
    trace = Trace("scripted")
    for tick in range(100):
        stamp_ns = 10**9 + tick * 20_000_000
        pose = np.array([0.5, 0.001 * tick, 0.3, 1.0, 0.0, 0.0, 0.0])
        trace.measured.append(Sample(stamp_ns, pose))
        trace.commanded.append(Sample(stamp_ns, pose + [0.0, 0.01, *[0.0] * 5]))
        trace.measured_grips.append(Sample(stamp_ns, np.array([tick / 100])))
        trace.measured_joints.append(Sample(stamp_ns, np.full(len(ARM_JOINTS), tick / 100)))
    for second in (1, 2):
        poses = np.tile([0.5, 0.0, 0.3, 1.0, 0.0, 0.0, 0.0], (16, 1))
        poses[:, 1] = 0.05 * (second - 1) + 0.003 * np.arange(16)
        signals = Signals((EE_POSE, GRIP), (poses, np.zeros(16)))
        chunk = Chunk(second * 10**9, 10**9 // 15, signals=signals)
        trace.chunks.append(PublishedChunk(chunk, second * 10**9, 0.0, 0.0))
    return trace


def test_chunks_lie_over_film_and_plots(tmp_path: Path, driver: Any) -> None:
    write_run(tmp_path)
    for scene in (8, 9):
        record = Films(tmp_path).record(scene)
        assert record
        write_trial(trial_trace(), record)
    subject = RunSubject(tmp_path)
    plots = {plot["title"]: plot for plot in subject.episode(2)["plots"]}
    y, wanted = (line for line in plots["ee_pose: place"]["lines"] if line["name"] == "y")
    assert (y["is_action"], wanted["is_action"]) == (False, True)
    assert np.allclose(np.subtract(wanted["values"], y["values"]), 0.01)
    assert [line["name"] for line in plots["joint_position"]["lines"]] == list(ARM_JOINTS)
    assert [chunk["published_s"] for chunk in plots["ee_pose: place"]["chunks"]] == [0.0, 1.0]
    with served(tmp_path) as server:
        page = Page(driver, server.url)
        page.wait_for_episode(1)
        # How many pixels are blue, and how many grey.
        drawn = """const c = document.querySelector("canvas.overlay");
            const {data} = c.getContext("2d").getImageData(0, 0, c.width, c.height);
            let [blue, grey] = [0, 0];
            for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200)
                data[i + 2] > data[i] + 50 ? blue++ : grey++;
            return [blue, grey]"""
        page.wait(lambda: page.run(drawn)[0] > 50)
        page.press("\ue014" * 12)
        page.wait(lambda: page.run(drawn)[1] > 20)
        page.press("c")
        assert page.run(drawn) == [0, 0]
        page.click("#chunk")
        assert page.run(drawn)[1] > 20
        titles = page.texts(".plot h3")
        assert titles[0] == "ee_pose: place (commanded dashed, chunks over it)"
        legend = page.texts(".plot:first-child .u-legend .u-label")
        assert legend == ["time", "x", "y", "z", *(f"{name} commanded" for name in "xyz")]
        assert len(titles) == 4
        # A success has no film, but plots.
        page.press("n", "n")
        page.wait_for_episode(2)
        assert len(page.texts(".plot h3")) == 4 and not page.find("#chunk").is_displayed()
        page.press("\ue014")
        assert page.frame() == 1
        # That this test reads the canvas is all there is to complain of.
        assert all("getImageData" in entry["message"] for entry in page.complaints())


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1, "measured": {"grip": 3}}'])
def test_a_damaged_record_is_told(content: str, tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "scene_8.json").write_text(content)
    [finding] = RunSubject(tmp_path).episode(1)["findings"]
    assert "scene_8.json" in finding["text"] and "evaluate again" in finding["text"]


def test_films_outside_of_the_folder_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write_run(tmp_path / "run")
    film = tmp_path / "run" / "failures" / "scene_8.mp4"
    film.symlink_to(film.rename(tmp_path / "outside.mp4"))
    assert RunSubject(tmp_path / "run").films(1) == []
