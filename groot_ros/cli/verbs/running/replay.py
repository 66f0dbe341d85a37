"""`groot-ros replay`: what came before an incident, with other limits or another checkpoint."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.checkpoint_options import add_checkpoint_options, open_checkpoint
from groot_ros.cli.output_files import check_picture
from groot_ros.cli.replay_report import again_sentence, other_sentence
from groot_ros.errors import UserError

if TYPE_CHECKING:
    from groot_ros.incidents.made_again import MadeAgain
    from groot_ros.incidents.saved_incident import SavedIncident
    from groot_ros.incidents.what_if import Made


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "incident", type=Path, nargs="?", help="folder that the executor saved; the newest one"
    )
    parser.add_argument("--checkpoint", type=Path, help="take its chunks, not the recorded ones")
    parser.add_argument("--robot", help="robot name or file with other limits")
    add_checkpoint_options(parser)
    parser.add_argument(
        "--output", type=Path, help="picture to write, .png, .svg or .pdf (INCIDENT.png)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    from groot_ros.demo.replay_plot import Shown, write_replay_plot
    from groot_ros.incidents.made_again import make_again
    from groot_ros.incidents.saved_incident import SavedIncident

    saved = SavedIncident.read(args.incident or _newest())
    output = args.output or Path(f"{saved.name}.png")
    check_picture(output)
    made = make_again(saved.recording)
    recorded = made.recorded
    if not recorded.commands:
        raise UserError(
            f"{saved.path} holds no commands, the arm was at rest all the time: look at its "
            "messages as in any bag"
        )
    sentence, other = again_sentence(made), _other(args, saved)
    changed = _changed(args)
    result = sentence
    if other:
        result = other_sentence(recorded, other.course, changed)
    event = saved.incident.events[0].sentence if saved.incident.events else ""
    course = other.course if other else None
    shown = Shown(saved.name, event, result, saved.event_ns, recorded, changed, course)
    write_replay_plot(shown, output)
    if args.json:
        print(json.dumps(_summary(saved, made, other, output), indent=2))
    else:
        print("\n".join(_lines(saved, sentence, result, other, output)))
    return 0 if made.different == 0 else 1


def _newest() -> Path:
    """The incident that was saved last where the executor saves them unless it is told."""
    from groot_ros.incidents.incident_folder import default_folder, incidents_in

    incidents = incidents_in(default_folder())
    if not incidents:
        raise UserError(f"{default_folder()} holds no incidents: name the folder of one")
    return incidents[-1]


def _other(args: argparse.Namespace, saved: SavedIncident) -> Made | None:
    """The incident with what is changed; None where nothing is."""
    from groot_ros.incidents.what_if import what_if
    from groot_ros.robot.config import load_robot

    if not args.robot and not args.checkpoint:
        return None
    robot = load_robot(args.robot) if args.robot else saved.robot
    saved.check(robot)
    if not args.checkpoint:
        return what_if(saved, robot)
    policy = open_checkpoint(args, robot)
    try:
        return what_if(saved, robot, policy)
    finally:
        policy.close()


def _changed(args: argparse.Namespace) -> str:
    given = (args.checkpoint, args.robot)
    return " and ".join(Path(name).name for name in given if name)


def _lines(
    saved: SavedIncident, sentence: str, result: str, other: Made | None, output: Path
) -> list[str]:
    events = [event.sentence for event in saved.incident.events]
    lines = [f"{saved.name}, {saved.incident.saved}: {'; '.join(dict.fromkeys(events[:3]))}"]
    lines.append(sentence)
    if other:
        lines.append(result)
        lines += [f"{count} x no observation: {why}" for why, count in other.waits.most_common(3)]
    return [*lines, f"wrote {output}"]


def _summary(
    saved: SavedIncident, made: MadeAgain, other: Made | None, output: Path
) -> dict[str, Any]:
    incident = saved.incident
    summary: dict[str, Any] = {
        "incident": str(saved.path),
        "saved": incident.saved,
        "events": [event.sentence for event in incident.events],
        "commands": len(made.recorded.commands),
        "different": made.different,
        "picture": str(output),
    }
    courses = {"recorded": made.recorded, "changed": other.course if other else None}
    for name, course in courses.items():
        if course:
            summary[name] = {
                "chunks": len(course.marks),
                "refused": [mark.reason for mark in course.refused],
                "stops": [stop.sentence for stop in course.stops],
            }
    return summary
