"""A training and a comparison on the page, served while they go on and frozen."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from pages import Page, served

from groot_ros.cli.main import main
from groot_ros.training.config import make_config
from groot_ros.viewer.training_run import DONE, FILE, REPORT, RUNNING, TrainingRun

CHUNK = {
    "episode": 3,
    "frame": 14,
    "instruction": "</script> pick",
    "keys": [
        {
            "name": "ee_pose",
            "names": ["x", "y", "r00"],
            "predicted": [[0.1 * step, 0.2, 1.0] for step in range(4)],
            "recorded": [[0.1 * step, 0.1, 1.0] for step in range(4)],
        },
        {"name": "grip", "names": ["grip"], "predicted": [[0.0]] * 4, "recorded": [[1.0]] * 4},
    ],
}


def training(step: int, **other: Any) -> TrainingRun:
    """A run of 40 steps that is so far, measured at every tenth step."""
    log: list[dict[str, float]] = []
    for now in range(2, step + 1, 2):
        log.append({"step": now, "loss": 1 / now, "learning_rate": 1e-4})
        if now % 10 == 0:
            errors = {"eval_share_of_mean": 5 / now, "eval_mae/x": 1 / now}
            log.append({"step": now, **errors})
    config = make_config(
        {"input_path": "data sets/a", "output_path": "runs", "exp_name": "pick"}
        | {"base_model": "tiny", "num_train_steps": 40}
    )
    values: dict[str, Any] = {
        "config": asdict(config),
        "codec": "ee_quat",
        "dataset": {"episodes": 5, "frames": 500, "held_out": [3]},
        "state": RUNNING,
        "step": step,
        "log": log,
        "predictions": {"step": 10, "samples": [CHUNK]} if step >= 10 else {},
        "written_s": 1e9,
    }
    return TrainingRun(**{**values, **other})


def test_a_training_is_watched_while_it_goes_on(tmp_path: Path, driver: Any) -> None:
    training(4).write(tmp_path)
    with served(tmp_path) as server:
        page = Page(driver, server.url)
        assert page.texts(".plot h3") == ["Loss", "Learning rate"]
        assert "running: step 4 of 40 (10 %)" in page.find("#state").text
        assert "ago" in page.find("#written").text and "none yet" in page.find("#facts").text
        checkpoint = tmp_path / "checkpoint-20"
        checkpoint.mkdir()
        (checkpoint / "trainer_state.json").write_text("{}")
        replace(training(20), state=DONE).write(tmp_path)
        page.wait(lambda: "done: step 20" in page.find("#state").text)
        titles = page.texts(".plot h3")
        assert titles[0] == "Loss" and titles[1].startswith("Held-out action error")
        assert titles[-3:] == ["ee_pose: place", "ee_pose: rotation", "grip"]
        assert "checkpoint-20" in page.find("#facts").text
        assert "--dataset 'data sets/a'" in page.find("#commands").text
        assert page.texts("#table td") == ["x", "0.1", "0.05"]
        assert page.complaints() == []


def test_the_report_is_the_page_frozen(tmp_path: Path, driver: Any) -> None:
    training(20).write(tmp_path)
    page = Page(driver, (tmp_path / REPORT).as_uri())
    assert len(page.texts(".plot h3")) == 6 and "step 20 of 40" in page.find("#state").text
    assert "</script> pick" in page.find("#samples").text
    # What was drawn has colours.
    inked = """const c = document.querySelector("canvas");
        const {data} = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        return data.some((value, i) => i % 4 === 3 && value > 200)"""
    assert page.run(inked)
    assert all("getImageData" in entry["message"] for entry in page.complaints())


def test_of_steps_that_were_done_twice_the_newer_count(tmp_path: Path) -> None:
    run = training(8)
    again = [*run.log, {"step": 4, "loss": 9.0, "learning_rate": 0.0}]
    loss = replace(run, log=again).sheet(tmp_path).charts[0]
    assert list(loss.steps) == [2, 4, 6, 8] and loss.curves[0].values[1] == 9.0


def test_a_run_without_a_record_is_read_from_its_newest_checkpoint(tmp_path: Path) -> None:
    run = training(20)
    for step in (10, 20):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        log = [entry for entry in run.log if entry["step"] <= step]
        state = {"global_step": step, "log_history": log}
        own = {"variant": run.codec, "dataset": run.dataset}
        for name, content in (("trainer_state", state), ("train", run.config), ("groot_ros", own)):
            (folder / f"{name}.json").write_text(json.dumps(content))
    found = TrainingRun.read(tmp_path)
    assert found.step == 20 and found.log == run.log
    assert found.sheet(tmp_path).state.startswith("as of its newest checkpoint")


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}', '{"format": 9}'])
def test_a_damaged_record_is_one_sentence(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / FILE).write_text(content)
    assert main(["view", str(tmp_path), "--no-browser"]) == 2
    assert FILE in capsys.readouterr().err


def test_a_comparison_is_shown(tmp_path: Path, driver: Any) -> None:
    steps = [0.1, 0.2, 0.3, 0.4]
    channel = {"mae": 0.25, "mse": 0.07, "mae_per_step": steps, "mse_per_step": steps}
    content = {
        "checkpoint": "runs/pick",
        "dataset": "a",
        "shown": [CHUNK],
        "chunks": 7,
        "channels": {"x": channel, "grip": channel},
        "position_error_m": None,
    }
    (tmp_path / "open_loop.json").write_text(json.dumps(content))
    with served(tmp_path) as server:
        page = Page(driver, server.url)
        assert page.texts(".plot h3")[0] == "Mean absolute error of each number"
        assert len(page.texts(".plot h3")) == 4
        assert "groot-ros view a" in page.find("#commands").text
        assert page.complaints() == []
