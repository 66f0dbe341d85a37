"""Converting beside decoding, fitting and encoding the same pictures alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from groot_ros.benchmarks.convert import ConvertBenchmark
from groot_ros.cli.main import main


@pytest.mark.parametrize("pictures", ["raw", "jpeg"])
def test_both_passes_are_timed_and_nothing_is_left(tmp_path: Path, pictures: str) -> None:
    result = ConvertBenchmark(
        bags=1, seconds=1.5, workers=1, repeats=1, pictures=pictures, folder=tmp_path
    ).run()
    # The bare pass refuses to have made another number of pictures than the conversion.
    assert result["frames"] >= 20
    assert result["bare_cpu_s"] > 0 and result["times_bare_cpu"] > 0
    assert not list(tmp_path.iterdir())


def test_memory_is_measured_on_long_bags_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "convert", "--memory", "--seconds", "60"]) == 2
    assert "--memory needs --seconds 1200 or more" in capsys.readouterr().err
