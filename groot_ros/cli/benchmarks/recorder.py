"""`groot-ros benchmark recorder`: whether the recorder keeps up with raw cameras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.cli.common_options import json_option
from groot_ros.cli.output_files import check_disk
from groot_ros.cli.subject import subject
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros benchmark recorder`."""

    cameras: int = option("640x480, 30 Hz (default: 2)", default=2)
    seconds: float = option("default: 20", default=20.0)
    output: Path | None = option("folder on the disk to measure", default=None)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.nodes.benchmarks.recorder import RecorderLoad, run

    check_disk(options.output)
    return run(RecorderLoad(options.cameras, options.seconds), options.output)


def report(options: Options, result: dict[str, Any]) -> None:
    print(
        f"{options.cameras} cameras and joint states for {result['seconds']:.1f} s: "
        f"{result['lost']} of {result['published']} messages lost, recorder "
        f"{result['cpu_percent']:.0f} % of a core, load {result['load_average']:.1f} on "
        f"{result['cores']} cores"
    )


COMMAND = subject("loss and load of recording raw cameras", Options, measure, report)
