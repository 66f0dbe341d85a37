"""`groot-ros benchmark soak`, as short as everything that happens in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from groot_ros.cli.main import main


def test_a_day_in_seconds(
    ros_domain: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "soak.png"
    options = ["--minutes=0", "--sample=0.5", "--event=0.3", "--kills=0", "--json"]
    status = main(["benchmark", "soak", *options, f"--plot={picture}"])
    result = json.loads(capsys.readouterr().out)
    # So soon after the start something may grow.
    assert status == (1 if result["growing"] else 0) and not result["broken_off"]
    assert {"new instruction", "refused chunks", "emergency stop", "both anew"} <= set(
        result["happened"]
    )
    assert result["commands"] > 0 and result["chunks"] > 0 and result["chunks_refused"] > 0
    assert set(result["trends"]) == {"robot", "executor", "black box", "policy", "machine"}
    assert result["trends"]["executor"]["memory"]["last"] > 20.0
    assert result["trends"]["policy"]["descriptors"]["last"] > 3.0
    assert picture.stat().st_size > 10_000
