"""`groot-ros benchmark latency`: a row for every latency and strategy, from any checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groot_ros.benchmarks.latency import LatencyBenchmark
from groot_ros.cli.main import main
from groot_ros.policies.factory import PolicyChoice
from groot_ros.policies.tried import chosen_strategy, executed_steps
from groot_ros.sim.trials import Trials
from groot_ros.timing.latency import Latency
from groot_ros.trials.statistics import wilson_interval


def test_every_latency_and_strategy_has_a_row() -> None:
    latencies = (Latency(0.1), Latency(0.3, 0.1, 0.2))
    trials = Trials("pick", 1, time_limit_s=6.0)
    benchmark = LatencyBenchmark(
        PolicyChoice("scripted", "scripted"), trials, latencies, ("latest", "finish")
    )
    outcomes = list(benchmark.steps())
    assert len(outcomes) == benchmark.count == 4
    rows = benchmark.result()["rows"]
    assert [(row["latency_s"], row["jitter_s"], row["loss"], row["strategy"]) for row in rows] == [
        (0.1, 0.0, 0.0, "latest"),
        (0.1, 0.0, 0.0, "finish"),
        (0.3, 0.1, 0.2, "latest"),
        (0.3, 0.1, 0.2, "finish"),
    ]
    for row, outcome in zip(rows, outcomes, strict=True):
        assert row["successes"] == outcome.succeeded
        assert row["interval"] == pytest.approx(wilson_interval(outcome.succeeded, 1), abs=1e-3)
        assert row["flips"] == outcome.flips and row["jerk_m_s3"] > 1.0
        assert row["mean_time_s"] == (outcome.duration_s if outcome.succeeded else None)
    # The expert closes on the cube, and a picked cube is held.
    assert rows[0]["successes"] == 1 and rows[0]["flips"] == 1


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints") / "untrained"
    main(["init-checkpoint", "--variant=ee_rot6d_joints", f"--output={folder}"])
    return folder


def test_a_checkpoint_makes_a_table(untrained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--episodes=1", "--latencies", "0.4", f"--checkpoint={untrained}"]
    arguments += ["--strategies", "auto", "rtc"]
    capsys.readouterr()
    assert main(["benchmark", "latency", *arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    # The same strategy twice is measured once.
    [row] = result["rows"]
    assert row["strategy"] == "rtc" and row["episodes"] == 1 and row["mean_time_s"] is None
    assert result["checkpoint"] == str(untrained) and result["executed_steps"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--episodes=0"], "episodes is 0, expected 1 or more"),
        (["--workers=0"], "workers is 0, expected 1 or more"),
        (["--executed-steps=-1"], "executed-steps is -1, expected 0 or more"),
        (["--jitter=0.3"], "jitter is 0.3 s and latency 0.2 s"),
        (["--checkpoint=missing"], "is not a folder"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["benchmark", "latency", *arguments]) == 2
    assert sentence in capsys.readouterr().err


def test_what_has_no_model_continues_nothing() -> None:
    expert = PolicyChoice("scripted", "scripted")
    assert chosen_strategy("auto", expert) == "latest"
    assert (executed_steps(expert, "rtc"), executed_steps(expert, "latest")) == (0, 8)
