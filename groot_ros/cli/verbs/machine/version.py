"""`groot-ros version`: which version this is; `--all` for bug reports."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from groot_ros.cli.command import Command
from groot_ros.cli.ending import Ending
from groot_ros.options import option


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros version`."""

    all: bool = option(
        "also Python, ROS 2, the GPU and the versions of all packages, as JSON", default=False
    )


def run(options: Options) -> Ending:
    from groot_ros.doctor.facts import gather_facts
    from groot_ros.share import own_version

    if not options.all:
        return Ending(facts={"version": own_version()}, said=[own_version()])
    facts = asdict(gather_facts())
    return Ending(facts=facts, said=[json.dumps(facts, indent=2)])


COMMAND = Command(options=Options, run=run)
