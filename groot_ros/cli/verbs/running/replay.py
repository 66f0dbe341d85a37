"""`groot-ros replay`: what came before an incident, with other limits or another checkpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import (
    Loading,
    json_option,
)
from groot_ros.cli.output_files import check_picture
from groot_ros.cli.replay_report import again_sentence, other_sentence
from groot_ros.errors import UserError
from groot_ros.options import argument, group, option

if TYPE_CHECKING:
    from groot_ros.incidents.made_again import MadeAgain
    from groot_ros.incidents.saved_incident import SavedIncident
    from groot_ros.incidents.what_if import Made


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros replay`."""

    incident: Path | None = argument(
        "folder that the executor saved; the newest one", default=None
    )
    checkpoint: Path | None = option("take its chunks, not the recorded ones", default=None)
    robot: str = option("robot name or file with other limits", default="")
    loading: Loading = group()
    output: Path | None = option(
        "picture to write, .png, .svg or .pdf (INCIDENT.png)", default=None
    )
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.demo.replay_plot import Shown, write_replay_plot
    from groot_ros.incidents.made_again import make_again
    from groot_ros.incidents.saved_incident import SavedIncident

    saved = SavedIncident.read(options.incident or _newest())
    output = options.output or Path(f"{saved.name}.png")
    check_picture(output)
    made = make_again(saved.recording)
    recorded = made.recorded
    if not recorded.commands:
        raise UserError(
            f"{saved.path} holds no commands, the arm was at rest all the time: look at its "
            "messages as in any bag"
        )
    sentence, other = again_sentence(made), _other(options, saved)
    changed = _changed(options)
    result = sentence
    if other:
        result = other_sentence(recorded, other.course, changed)
    event = saved.incident.events[0].sentence if saved.incident.events else ""
    course = other.course if other else None
    shown = Shown(
        name=saved.name,
        event=event,
        result=result,
        event_ns=saved.event_ns,
        recorded=recorded,
        changed=changed,
        other=course,
    )
    write_replay_plot(shown, output)
    if options.json:
        print(json.dumps(_summary(saved, made, other, output), indent=2))
    else:
        print("\n".join(_lines(saved, sentence, result=result, other=other, output=output)))
    return 0 if made.different == 0 else 1


def _newest() -> Path:
    """The incident that was saved last where the executor saves them unless it is told."""
    from groot_ros.incidents.incident_folder import default_folder, incidents_in

    incidents = incidents_in(default_folder())
    if not incidents:
        raise UserError(f"{default_folder()} holds no incidents: name the folder of one")
    return incidents[-1]


def _other(options: Options, saved: SavedIncident) -> Made | None:
    """The incident with what is changed; None where nothing is."""
    from groot_ros.incidents.what_if import what_if
    from groot_ros.robot.config import load_robot

    if not options.robot and not options.checkpoint:
        return None
    robot = load_robot(options.robot) if options.robot else saved.robot
    saved.check(robot)
    if not options.checkpoint:
        return what_if(saved, robot)
    policy = options.loading.open(options.checkpoint, robot)
    try:
        return what_if(saved, robot, policy)
    finally:
        policy.close()


def _changed(options: Options) -> str:
    given = (options.checkpoint, options.robot)
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


COMMAND = Command(options=Options, run=run)
