"""`groot-ros convert`: turn bags into a dataset for GR00T."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.files.shell import quoted

if TYPE_CHECKING:
    from groot_ros.data.conversion.convert import Conversion
    from groot_ros.data.conversion.outcome import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bags",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="bags, or folders of bags",
    )
    parser.add_argument("--robot", required=True, help="robot name or file")
    parser.add_argument("--codec", required=True, help="codec or variant, such as ee_rot6d_joints")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--fps", type=int, help="frames per second (default: the codec's)")
    parser.add_argument("--instruction", default="", help="the task in words, for all episodes")
    parser.add_argument(
        "--instruction-topic",
        default="",
        metavar="TOPIC",
        help="std_msgs/String topic with the task",
    )
    parser.add_argument(
        "--episodes",
        type=Path,
        metavar="TABLE.csv",
        help="columns bag, instruction, start_s, end_s, success",
    )
    parser.add_argument(
        "--range",
        action="append",
        default=[],
        metavar="START:END",
        help="an episode in seconds since the bag began; may be repeated",
    )
    parser.add_argument("--namespace", default="", help="of the robot's relative topics")
    parser.add_argument(
        "--only-success",
        action="store_true",
        help="leave out episodes that were not marked as a success",
    )
    parser.add_argument(
        "--trim-idle", action="store_true", help="cut what lies before and after the movement"
    )
    parser.add_argument(
        "--only",
        choices=["corrections"],
        default="",
        help="what an operator did in place of the policy, without what the policy did",
    )
    parser.add_argument(
        "--drop-before-takeover",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="leave out what the policy did before the operator took over (default: 0)",
    )
    parser.add_argument(
        "--edits",
        type=Path,
        metavar="EDITS.json",
        help="edit list, by the names of episodes or that of a dataset of these bags",
    )
    parser.add_argument(
        "--relative",
        choices=["se3", "elementwise"],
        default="se3",
        help="relative actions of _rel variants (default: se3)",
    )
    parser.add_argument("--format", choices=["gr00t", "lerobot-v3"], default="gr00t")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="processes (default: one per CPU)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument(
        "--append",
        action="store_true",
        help="add to the dataset --output, whose episodes stay as they are; bags that it has "
        "already are left out",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    from groot_ros.cli.convert_progress import convert_with_progress
    from groot_ros.data.conversion.convert import convert

    conversion = _conversion(args)
    if args.json:
        report = convert(conversion)
        print(json.dumps(report.to_dict(), indent=2))
    else:
        report = convert_with_progress(conversion)
        _print(report)
    return report.exit_code


def _conversion(args: argparse.Namespace) -> Conversion:
    from groot_ros.data.conversion.bag_edits import read_bag_edits
    from groot_ros.data.conversion.convert import Conversion
    from groot_ros.data.playback.episodes import EpisodeChoice, parse_range, read_table

    choice = EpisodeChoice(
        instruction=args.instruction,
        instruction_topic=args.instruction_topic,
        ranges=tuple(parse_range(text) for text in args.range),
        table=read_table(args.episodes) if args.episodes else {},
        namespace=args.namespace,
    )
    return Conversion(
        bags=args.bags,
        robot=args.robot,
        codec=args.codec,
        output=args.output,
        fps=args.fps,
        choice=choice,
        only_success=args.only_success,
        trim_idle=args.trim_idle,
        relative=args.relative,
        format=args.format,
        workers=args.workers,
        resume=args.resume,
        append=args.append,
        edits=read_bag_edits(args.edits) if args.edits else None,
        only=args.only,
        drop_before_takeover_s=args.drop_before_takeover,
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
