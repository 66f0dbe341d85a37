"""An incident on the disk: a bag with the executor's recording beside its messages.

2026-11-26_14-07-12_stopped_no_new_chunk/
    metadata.yaml, *.mcap   what was observed, wanted, commanded and reported, as any bag
    incident.json           what happened, when, with which parameters and versions
    executor.jsonl.gz       what the executor was given, call by call
    robot.yaml, arm.urdf    the robot file, and the URDF where the executor needs one
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.incidents.occasions import Event

FORMAT = 1
INFO, RECORDING, ROBOT, URDF = "incident.json", "executor.jsonl.gz", "robot.yaml", "arm.urdf"
_TEXTS = ("saved", "robot", "namespace", "chunk_topic", "instruction")
REMEDY = "take another copy of the incident"


@dataclass(frozen=True, kw_only=True)
class Incident:
    """What happened and when: times in ns on the executor's clock, `saved` the date and time.

    `namespace` is what relative topics of the robot file are below, `chunk_topic` where the chunks
    are, `instruction` the task of the last one, `messages_left_out` counts those for which there
    was no time, `parameters` are those of the executor.
    """

    events: tuple[Event, ...]
    saved: str
    begun_ns: int
    ended_ns: int
    robot: str
    namespace: str
    chunk_topic: str
    instruction: str
    messages_left_out: int = 0
    parameters: Mapping[str, Any]
    versions: Mapping[str, str]

    def write(self, folder: Path) -> None:
        """Write it into the folder of its incident."""
        content = {"format": FORMAT, **asdict(self)}
        (folder / INFO).write_text(json.dumps(content, indent=2) + "\n")

    @classmethod
    def read(cls, folder: Path) -> Incident:
        """What an incident says of itself; UserError where it is none, or of another format."""
        if not folder.is_dir():
            raise UserError(f"{folder} is not there, expected the folder of an incident")
        if not (folder / INFO).is_file():
            raise UserError(
                f"{folder} is no incident, it has no {INFO}: name a folder that the executor saved"
            )
        content = read_json(folder / INFO, REMEDY)
        found = content.get("format") if isinstance(content, dict) else None
        if found != FORMAT:
            raise UserError(
                f"{folder / INFO} is of format {found}, this groot_ros replays format {FORMAT}: "
                "replay it with the version of groot_ros that saved it"
            )
        try:
            events = tuple(Event(int(e["time_ns"]), str(e["sentence"])) for e in content["events"])
            fields: dict[str, Any] = {name: str(content[name]) for name in _TEXTS}
            fields |= {name: int(content[name]) for name in ("begun_ns", "ended_ns")}
            fields |= {name: dict(content[name]) for name in ("parameters", "versions")}
            left_out = int(content.get("messages_left_out", 0))
            return cls(events=events, messages_left_out=left_out, **fields)
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{folder / INFO} is damaged ({error!r}): {REMEDY}") from error
