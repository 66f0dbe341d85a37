"""`groot-ros validate`: check every rule of the format of datasets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groot_ros.cli.command import Command
from groot_ros.cli.common_options import json_option
from groot_ros.cli.progress import with_progress
from groot_ros.files.shell import quoted
from groot_ros.options import argument

if TYPE_CHECKING:
    from groot_ros.data.datasets.reader import EpisodeFiles
    from groot_ros.data.review.validate import Validation


@dataclass(frozen=True, kw_only=True)
class Options:
    """Of `groot-ros validate`."""

    datasets: tuple[Path, ...] = argument(metavar="DATASET")
    json: bool = json_option()


def run(options: Options) -> int:
    from groot_ros.data.review.validate import validate

    found: list[Validation] = []
    for dataset in options.datasets:
        found.append(validate(dataset, _watched))
        if not options.json:
            _say(found[-1])
    if options.json:
        content = [asdict(one) for one in found]
        print(json.dumps(content[0] if len(content) == 1 else {"datasets": content}, indent=2))
    return max(one.exit_code for one in found)


def _watched(episodes: Sequence[EpisodeFiles]) -> Iterator[EpisodeFiles]:
    return with_progress(episodes, "checking", len(episodes), "episodes")


def _say(found: Validation) -> None:
    for problem in found.problems:
        print(f"problem: {problem}")
    for warning in found.warnings:
        print(f"warning: {warning}")
    verdict = f"{len(found.problems)} problems" if found.problems else "valid"
    print(f"{found.path}: {found.episodes} episodes, {found.frames} frames, {verdict}", flush=True)
    print(f"look at it: groot-ros view {quoted(found.path)}", flush=True)


COMMAND = Command(options=Options, run=run)
