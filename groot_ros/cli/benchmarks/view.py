"""`groot-ros benchmark view`: how soon the page of a dataset is there and how fast it seeks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.cli.common_options import json_option
from groot_ros.cli.output_files import check_disk
from groot_ros.cli.subject import subject
from groot_ros.errors import UserError
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark view`."""

    episodes: int = option("default: 1000", default=1000)
    frames: int = option("per episode (default: 300)", default=300)
    seeks: int = option("default: 50", default=50)
    output: Path | None = option("folder on the disk to measure", default=None)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.benchmarks.view import ViewBenchmark

    if options.episodes < 20 or options.frames < 60 or options.seeks < 1:
        raise UserError("expected at least 20 --episodes of 60 --frames, and 1 of --seeks")
    check_disk(options.output)
    return ViewBenchmark(options.episodes, options.frames, options.seeks, options.output).run()


def report(options: Options, result: dict[str, Any]) -> None:
    seek, opened = result["seek_ms"], result["open_ms"]
    print(
        f"{result['episodes']} episodes of {result['frames_per_episode']} frames, "
        f"{result['cameras']} cameras: listed after {result['listed_s']:.2f} s\n"
        f"an episode opens in {opened['median']:.0f} ms (worst {opened['worst']:.0f}), "
        f"{result['seeks']} seeks take {seek['median']:.0f} ms (95 % {seek['p95']:.0f}, worst "
        f"{seek['worst']:.0f}); load {result['load_average']:.1f}"
    )


COMMAND = subject("the page of a large dataset, in Chromium", Options, measure, report)
