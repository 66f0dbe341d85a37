"""`groot-ros benchmark convert`: what a dataset costs beside the codecs of its pictures."""

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
    """Of `groot-ros benchmark convert`."""

    bags: int = option("two cameras each (default: 2)", default=2)
    pictures: str = option(default="raw", choices=("raw", "jpeg"))
    seconds: float = option("per bag (default: 30)", default=30.0)
    workers: int = option("processes (default: 2)", default=2)
    repeats: int = option(
        "of converting and the codecs of its pictures in turn, medians are told (default: 3)",
        default=3,
    )
    memory: bool = option(
        "what memory grows by, in a bag of --seconds with small JPEG", default=False
    )
    output: Path | None = option("folder on the disk to measure", default=None)
    json: bool = json_option()


def measure(options: Options) -> dict[str, Any]:
    from groot_ros.benchmarks.convert import ConvertBenchmark
    from groot_ros.benchmarks.convert_memory import EPISODE_S, MemoryBenchmark

    check_disk(options.output)
    if options.repeats < 1:
        raise UserError(f"--repeats is {options.repeats}, expected 1 or more")
    if not options.memory:
        return ConvertBenchmark(
            bags=options.bags,
            seconds=options.seconds,
            workers=options.workers,
            repeats=options.repeats,
            pictures=options.pictures,
            folder=options.output,
        ).run()
    if options.seconds < 20 * EPISODE_S:
        raise UserError(f"--memory needs --seconds {20 * EPISODE_S:g} or more, such as 7200")
    return MemoryBenchmark(options.seconds, options.output).run()


def report(options: Options, result: dict[str, Any]) -> None:
    if options.memory:
        print(
            f"{result['seconds']:g} s, {result['messages']} messages in {result['chunks']} "
            f"chunks: {result['peak_rss_bytes'] / 1e6:.0f} MB of memory, "
            f"{result['bytes_per_chunk_of_a_bag'] / 1e3:.1f} kB more for each chunk of a bag, "
            f"{result['bytes_per_s_of_an_episode'] / 1e3:.0f} kB for each second of an episode"
        )
        return
    print(
        f"{options.bags} bags of {options.seconds:g} s: {result['frames_per_s']:.0f} frames/s, "
        f"{result['realtime_factor']:.1f} times real time\n"
        f"{result['elapsed_s']:.1f} s, {result['times_bare']:.2f} times the "
        f"{result['bare_s']:.1f} s that decoding, fitting and encoding the pictures alone "
        f"takes; processor time {result['cpu_s']:.1f} s, {result['times_bare_cpu']:.2f} times "
        f"{result['bare_cpu_s']:.1f} s\n"
        f"medians of {result['repeats']} in turn, "
        f"{', '.join(f'{ratio:.2f}' for ratio in result['each_times_bare'])} times; "
        f"{result['peak_rss_bytes'] / 1e9:.2f} GB of memory, load {result['load_average']:.1f}"
    )


COMMAND = subject("speed and memory of bags to a dataset", Options, measure, report)
