from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.cli.main import main
from groot_ros.training.closed_loop import wilson_interval


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate_and_is_symmetric(case: tuple[int, int]) -> None:
    successes, count = case
    low, high = wilson_interval(successes, count)
    assert 0 <= low <= successes / count + 1e-12
    assert successes / count - 1e-12 <= high <= 1
    mirrored = wilson_interval(count - successes, count)
    assert mirrored == pytest.approx((1 - high, 1 - low))


def test_the_interval_of_a_known_case() -> None:
    # 45 of 50, from the tables of the score interval.
    assert wilson_interval(45, 50) == pytest.approx((0.786, 0.957), abs=1e-3)


def test_an_untrained_checkpoint_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "checkpoint"
    main(["init-checkpoint", "--variant=ee_rot6d_joints", f"--output={checkpoint}"])
    capsys.readouterr()
    arguments = ["--episodes=1", "--workers=1", "--json", f"--checkpoint={checkpoint}"]
    assert main(["evaluate", *arguments]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["variant"] == "ee_rot6d_joints" and result["episodes"] == 1
    assert sum(result["failures"].values()) == 1 - result["successes"]


def test_a_checkpoint_from_elsewhere_is_refused(tmp_path: Path) -> None:
    assert main(["evaluate", f"--checkpoint={tmp_path}"]) == 2
