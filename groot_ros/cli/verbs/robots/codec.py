"""`groot-ros codec`: list, show, check and draft codec files.

A file says how signals become a model's columns and back; see docs/codecs.md.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from groot_ros.cli.command import Actions, Command
from groot_ros.cli.common_options import (
    json_option,
    robot_option,
)
from groot_ros.cli.ending import Ending
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.options import argument, option

if TYPE_CHECKING:
    from groot_ros.codecs.draft import Foreign
    from groot_ros.codecs.file import CodecFile


@dataclass(frozen=True, kw_only=True)
class CodecShow:
    """Of `groot-ros codec show`."""

    codec: str = argument("name of a shipped codec, or the path of a file")
    robot: str = option("robot name or file: names of the columns", default="")


@dataclass(frozen=True, kw_only=True)
class CodecCheck:
    """Of `groot-ros codec check`."""

    codec: str = argument("name of a shipped codec, or the path of a file")
    robot: str = robot_option()
    json: bool = json_option()


@dataclass(frozen=True, kw_only=True)
class CodecDraft:
    """Of `groot-ros codec draft`, from a checkpoint or a dataset."""

    checkpoint: Path | None = option("folder of a GR00T checkpoint", default=None, one_of="source")
    dataset: Path | None = option("folder of a dataset", default=None, one_of="source")
    url: str = option(
        "server of groot-ros, for NVIDIA's clients, gr00t://host:5555, or of Positronic's "
        "protocol 3, ws://host:8000",
        default="",
        one_of="source",
    )
    embodiment: str = option(
        "of a checkpoint that knows several, or the one that a server has", default=""
    )
    token_env: str = option(
        "--url: variable with its token", default="", flags=("--token-env",), metavar="NAME"
    )
    robot: str = option("robot name or file that it is to fit", default="")
    output: Path | None = option("file to write (default: print it)", default=None)


@dataclass(frozen=True, kw_only=True)
class CodecList:
    """Of `groot-ros codec list`, which takes none."""


def _list(_: CodecList) -> Ending:
    from groot_ros.codecs.catalog import codec_path, shipped_codecs

    about = {
        file.name: codec_path(file.name).read_text().partition("\n")[0].removeprefix("# ")
        for file in shipped_codecs()
    }
    return Ending(
        facts={"codecs": about}, said=[f"{name:22} {first}" for name, first in about.items()]
    )


def _show(options: CodecShow) -> Ending:
    from groot_ros.codecs.catalog import codec_path, find_codec
    from groot_ros.robot.config import load_robot

    if not options.robot:
        text = codec_path(options.codec).read_text()
        return Ending(facts=yaml.safe_load(text), said=text.splitlines())
    codec = find_codec(options.codec).codec(load_robot(options.robot))
    facts: dict[str, Any] = {}
    said = []
    for group, features in (("state", codec.features.state), ("action", codec.features.action)):
        facts[group] = {feature.key: list(feature.names) for feature in features}
        said.append(group)
        said += [f"  {f.key:24} {f.size:3}  {' '.join(f.names)}" for f in features]
    said.append("video")
    for key, part in codec.video.parts.items():
        said.append(f"  {key:24} {part.width} x {part.height}, {part.fit}, camera {part.camera}")
    facts["video"] = {key: asdict(part) for key, part in codec.video.parts.items()}
    return Ending(facts=facts, said=said)


def _check(options: CodecCheck) -> int:
    from groot_ros.codecs.catalog import find_codec
    from groot_ros.codecs.check import mismatches
    from groot_ros.data.playback.topics import wanted_labels
    from groot_ros.robot.config import load_robot

    file, robot = find_codec(options.codec), load_robot(options.robot)
    found = mismatches(file, robot)
    note = ""
    if not found:
        try:
            wanted_labels(robot, file.codec(robot))
        except UserError as error:
            note = str(error)
    if options.json:
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


def _told(options: CodecDraft) -> CodecFile | Foreign:
    """What the source tells of its keys."""
    if options.checkpoint:
        from groot_ros.policies.checkpoint.codec_draft import foreign_checkpoint

        return foreign_checkpoint(options.checkpoint, options.embodiment)
    if options.url:
        from groot_ros.policies.remote.codec_draft import told_by_server

        return told_by_server(options.url, options.embodiment, options.token_env)
    assert options.dataset
    from groot_ros.data.review.codec_draft import foreign_dataset

    return foreign_dataset(options.dataset)


def _draft(options: CodecDraft) -> Ending:
    from groot_ros.codecs.draft import Foreign, copied, draft
    from groot_ros.robot.config import load_robot

    robot = load_robot(options.robot) if options.robot else None
    told = _told(options)
    made = draft(told, robot) if isinstance(told, Foreign) else copied(told, options.url)
    said = [f"guessed: {line}" for line in made.guessed]
    said += [f"not known: {line}" for line in made.unknown]
    facts = {"codec": yaml.safe_load(made.text), "guessed": made.guessed, "unknown": made.unknown}
    if options.output is None:
        return Ending(facts=facts, said=[*made.text.splitlines(), *(f"# {line}" for line in said)])
    if options.output.exists():
        raise UserError(f"{options.output} is there already: remove it or name another --output")
    options.output.write_text(made.text, encoding="utf-8")
    check = f"groot-ros codec check {quoted(options.output)}"
    return Ending(
        made=[options.output],
        facts=facts,
        said=[f"wrote {options.output}", *said],
        next={"then": f"{check} --robot {quoted(options.robot or 'YOUR_ROBOT')}"},
    )


COMMAND = Actions(
    commands={
        "list": Command(
            options=CodecList, run=_list, summary="the codec files that ship with the package"
        ),
        "show": Command(
            options=CodecShow,
            run=_show,
            summary="print a codec file, or what it makes for a robot",
        ),
        "check": Command(
            options=CodecCheck, run=_check, summary="whether a codec file fits a robot file"
        ),
        "draft": Command(
            options=CodecDraft,
            run=_draft,
            summary="write a codec file for somebody else's keys",
        ),
    }
)
