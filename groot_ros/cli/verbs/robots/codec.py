"""`groot-ros codec`: list, show, check and draft codec files.

A file says how signals become a model's columns and back; see docs/codecs.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from groot_ros.errors import UserError
from groot_ros.files.shell import quoted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(
        title="actions", metavar="ACTION", required=True, dest="action"
    )
    actions.add_parser("list", help="the codec files that ship with the package")
    show = actions.add_parser("show", help="print a codec file, or what it makes for a robot")
    check = actions.add_parser("check", help="whether a codec file fits a robot file")
    for part in (show, check):
        part.add_argument("codec", help="name of a shipped codec, or the path of a file")
    show.add_argument("--robot", default="", help="robot name or file: names of the columns")
    check.add_argument("--robot", required=True, help="robot name or file")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    draft = actions.add_parser("draft", help="write a codec file for somebody else's keys")
    source = draft.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path, help="folder of a GR00T checkpoint")
    source.add_argument("--dataset", type=Path, help="folder of a dataset")
    draft.add_argument("--embodiment", default="", help="of a checkpoint that knows several")
    draft.add_argument("--robot", default="", help="robot name or file that it is to fit")
    draft.add_argument("--output", type=Path, help="file to write (default: print it)")


def run(args: argparse.Namespace) -> int:
    return {"list": _list, "show": _show, "check": _check, "draft": _draft}[args.action](args)


def _list(_: argparse.Namespace) -> int:
    from groot_ros.codecs.catalog import codec_path, shipped_codecs

    for file in shipped_codecs():
        first = codec_path(file.name).read_text().partition("\n")[0]
        print(f"{file.name:22} {first.removeprefix('# ')}")
    return 0


def _show(args: argparse.Namespace) -> int:
    from groot_ros.codecs.catalog import codec_path, find_codec
    from groot_ros.robot.config import load_robot

    if not args.robot:
        print(codec_path(args.codec).read_text(), end="")
        return 0
    codec = find_codec(args.codec).codec(load_robot(args.robot))
    for group, features in (("state", codec.features.state), ("action", codec.features.action)):
        print(group)
        for feature in features:
            print(f"  {feature.key:24} {feature.size:3}  {' '.join(feature.names)}")
    print("video")
    for key, part in codec.video.parts.items():
        print(f"  {key:24} {part.width} x {part.height}, {part.fit}, camera {part.camera}")
    return 0


def _check(args: argparse.Namespace) -> int:
    from groot_ros.codecs.catalog import find_codec
    from groot_ros.codecs.check import mismatches
    from groot_ros.data.playback.topics import wanted_labels
    from groot_ros.robot.config import load_robot

    file, robot = find_codec(args.codec), load_robot(args.robot)
    found = mismatches(file, robot)
    note = ""
    if not found:
        try:
            wanted_labels(robot, file.codec(robot))
        except UserError as error:
            note = str(error)
    if args.json:
        print(
            json.dumps(
                {"codec": file.name, "robot": robot.name, "problems": found, "no_dataset": note},
                indent=2,
            )
        )
    else:
        print("\n".join(found) or f"codec {file.name} fits robot {robot.name}")
        if note:
            print(f"it runs checkpoints but makes no datasets: {note}")
    return 1 if found else 0


def _draft(args: argparse.Namespace) -> int:
    from groot_ros.codecs.draft import draft
    from groot_ros.robot.config import load_robot

    robot = load_robot(args.robot) if args.robot else None
    if args.checkpoint:
        from groot_ros.policies.checkpoint.codec_draft import foreign_checkpoint

        foreign = foreign_checkpoint(args.checkpoint, args.embodiment)
    else:
        from groot_ros.data.review.codec_draft import foreign_dataset

        foreign = foreign_dataset(args.dataset)
    made = draft(foreign, robot)
    said = [f"guessed: {line}" for line in made.guessed]
    said += [f"not known: {line}" for line in made.unknown]
    if args.output is None:
        print(made.text + "".join(f"# {line}\n" for line in said), end="")
        return 0
    if args.output.exists():
        raise UserError(f"{args.output} is there already: remove it or name another --output")
    args.output.write_text(made.text, encoding="utf-8")
    print("\n".join([f"wrote {args.output}", *said]))
    print(
        f"==> groot-ros codec check {quoted(args.output)} "
        f"--robot {quoted(args.robot or 'YOUR_ROBOT')}"
    )
    return 0
