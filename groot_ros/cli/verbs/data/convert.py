"""`groot-ros convert`: turn bags into a dataset for GR00T."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import json_option, workers_option
from groot_ros.data.conversion.settings import Conversion
from groot_ros.files.shell import quoted
from groot_ros.options import group, option, repeated

if TYPE_CHECKING:
    from groot_ros.data.conversion.outcome import Report


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros convert`."""

    conversion: Conversion = group()
    episodes: Path | None = option(
        "columns bag, instruction, start_s, end_s, success", default=None, metavar="TABLE.csv"
    )
    range: tuple[str, ...] = repeated(
        "an episode in seconds since the bag began; may be repeated", metavar="START:END"
    )
    edits: Path | None = option(
        "edit list, by the names of episodes or that of a dataset of these bags",
        default=None,
        metavar="EDITS.json",
    )
    workers: int = workers_option("processes (default: one per CPU)")
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.cli.convert_progress import convert_with_progress

    report = convert_with_progress(_conversion(options))
    if options.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report, options.conversion.codec)
    return report.exit_code


def _conversion(options: Options) -> Conversion:
    from groot_ros.data.conversion.bag_edits import read_bag_edits
    from groot_ros.data.playback.episodes import parse_range, read_table

    choice = replace(
        options.conversion.choice,
        ranges=tuple(parse_range(text) for text in options.range),
        table=read_table(options.episodes) if options.episodes else {},
    )
    return replace(
        options.conversion,
        choice=choice,
        edits=read_bag_edits(options.edits) if options.edits else None,
        workers=options.workers,
    )


def _print(report: Report, codec: str) -> None:
    from groot_ros.codecs.catalog import find_codec
    from groot_ros.data.review.report import REPORT

    episodes = sum(len(episode.parts) for episode in report.episodes)
    if report.known:
        print(f"  {len(report.known)} bags are in {report.output} already")
    for line in report.losses:
        print(f"  {line}")
    for note in report.notes:
        print(f"  {note}")
    if duplicates := sum(episode.duplicates for episode in report.episodes):
        print(f"  {duplicates} frames show the same pictures as the one before")
    if report.skipped:
        print(f"  {len(report.skipped)} episodes without success left out")
    if report.discarded:
        print(f"  {len(report.discarded)} episodes discarded by the edit list")
    for failure in report.failures:
        print(f"  left out: {failure.sentence}")
    what = f"wrote {report.output}: {episodes} new {'episode' if episodes == 1 else 'episodes'}"
    if not episodes:
        what = f"{report.output} stays as it is: nothing is new"
    print(f"{what}, {report.frames} frames in all")
    print(f"look at it: groot-ros view {quoted(report.output)} (or open {report.output}/{REPORT})")
    print(
        f"train on it: groot-ros train --input_path {quoted(report.output)} --output_path runs "
        f"--exp_name NAME --modality_config {find_codec(codec).modality_config}"
    )
    if report.failures:
        print(f"exit code {report.exit_code}: bags were left out, the dataset is whole without")


COMMAND = Command(
    options=Options,
    run=run,
    resumed="the same command goes on with --resume, episodes that are whole stay",
)
