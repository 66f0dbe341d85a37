"""`groot-ros convert`: turn bags into a dataset for GR00T."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    json_option,
    robot_option,
    workers_option,
)
from groot_ros.data.datasets.formats import Format
from groot_ros.files.shell import quoted
from groot_ros.options import option, repeated

if TYPE_CHECKING:
    from groot_ros.data.conversion.convert import Conversion
    from groot_ros.data.conversion.outcome import Report


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros convert`."""

    bags: tuple[Path, ...] = option("bags, or folders of bags", metavar="PATH")
    robot: str = robot_option()
    codec: str = option("codec or variant, such as ee_rot6d_joints")
    output: Path = option("folder to write")
    fps: int | None = option("frames per second (default: the codec's)", default=None)
    instruction: str = option("the task in words, for all episodes", default="")
    instruction_topic: str = option(
        "std_msgs/String topic with the task", default="", metavar="TOPIC"
    )
    episodes: Path | None = option(
        "columns bag, instruction, start_s, end_s, success", default=None, metavar="TABLE.csv"
    )
    range: tuple[str, ...] = repeated(
        "an episode in seconds since the bag began; may be repeated", metavar="START:END"
    )
    namespace: str = option("of the robot's relative topics", default="")
    only_success: bool = option(
        "leave out episodes that were not marked as a success", default=False
    )
    trim_idle: bool = option("cut what lies before and after the movement", default=False)
    only: str = option(
        "what an operator did in place of the policy, without what the policy did",
        default="",
        choices=("corrections",),
    )
    drop_before_takeover: float = option(
        "leave out what the policy did before the operator took over (default: 0)",
        default=0.0,
        metavar="SECONDS",
    )
    edits: Path | None = option(
        "edit list, by the names of episodes or that of a dataset of these bags",
        default=None,
        metavar="EDITS.json",
    )
    relative: str = option(
        "relative actions of _rel variants (default: se3)",
        default="se3",
        choices=("se3", "elementwise"),
    )
    format: Format = option(default="gr00t")
    workers: int = workers_option("processes (default: one per CPU)")
    resume: bool = option("go on with an interrupted run", default=False)
    append: bool = option(
        "add to the dataset --output, whose episodes stay as they are; bags that it has already "
        "are left out",
        default=False,
    )
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.cli.convert_progress import convert_with_progress
    from groot_ros.data.conversion.convert import convert

    conversion = _conversion(options)
    if options.json:
        report = convert(conversion)
        print(json.dumps(report.to_dict(), indent=2))
    else:
        report = convert_with_progress(conversion)
        _print(report)
    return report.exit_code


def _conversion(options: Options) -> Conversion:
    from groot_ros.data.conversion.bag_edits import read_bag_edits
    from groot_ros.data.conversion.convert import Conversion
    from groot_ros.data.playback.episodes import EpisodeChoice, parse_range, read_table

    choice = EpisodeChoice(
        instruction=options.instruction,
        instruction_topic=options.instruction_topic,
        ranges=tuple(parse_range(text) for text in options.range),
        table=read_table(options.episodes) if options.episodes else {},
        namespace=options.namespace,
    )
    return Conversion(
        bags=options.bags,
        robot=options.robot,
        codec=options.codec,
        output=options.output,
        fps=options.fps,
        choice=choice,
        only_success=options.only_success,
        trim_idle=options.trim_idle,
        relative=options.relative,
        format=options.format,
        workers=options.workers,
        resume=options.resume,
        append=options.append,
        edits=read_bag_edits(options.edits) if options.edits else None,
        only=options.only,
        drop_before_takeover_s=options.drop_before_takeover,
    )


def _print(report: Report) -> None:
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
    print(f"wrote {report.output}: {episodes} new episodes, {report.frames} frames in all")
    print(f"look at it: groot-ros view {quoted(report.output)} (or open {report.output}/{REPORT})")


COMMAND = Command(options=Options, run=run)
