"""Does a codec file fit a robot file? A sentence for everything that does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from groot_ros.codecs.file import CodecFile, Entry, build_cameras, build_part
from groot_ros.errors import UserError
from groot_ros.robot.config import RobotConfig


def mismatches(file: CodecFile, robot: RobotConfig) -> list[str]:
    """A sentence for each entry that the robot cannot serve, in the file's order."""
    found = []
    for group, entries in (("state", file.state), ("action", file.action)):
        for entry in entries:
            if isinstance(entry, Entry):
                found += _refusal(partial(build_part, file, entry, robot, group))
    for key, part in file.video.items():
        found += _refusal(partial(build_cameras, replace(file, video={key: part}), robot))
    found += _unfollowed(file, robot)
    return list(dict.fromkeys(found))


def _refusal(build: Callable[[], object]) -> list[str]:
    try:
        build()
    except UserError as error:
        return [str(error)]
    return []


def _unfollowed(file: CodecFile, robot: RobotConfig) -> Iterator[str]:
    signals = [entry.signal for entry in file.action if isinstance(entry, Entry)]
    for wanted in robot.followed:
        if wanted not in signals:
            yield (
                f"robot {robot.name} follows {wanted}, but codec {file.name} predicts "
                f"{', '.join(signals)}: choose another output.profile, or name output.kinematics"
            )
