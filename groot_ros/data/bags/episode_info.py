"""What a bag's custom_data says about the episode in it."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from groot_ros.share import own_version

FORMAT = "1"
SUCCESS, FAILURE = "success", "failure"


@dataclass(frozen=True)
class EpisodeInfo:
    """An episode's circumstances; every value is a string in the bag.

    `robot_file` is the robot file's text, `namespace` what its relative topics are below,
    `outcome` success, failure or empty, `reason` why the recording ended (empty while it runs),
    `flags` what was wrong with the streams in sentences, `health` numbers per topic.
    """

    episode: str = ""
    robot: str = ""
    robot_file: str = ""
    namespace: str = "/"
    instruction: str = ""
    note: str = ""
    outcome: str = ""
    reason: str = ""
    flags: tuple[str, ...] = ()
    health: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_custom_data(self) -> dict[str, str]:
        return {
            "groot_ros.format": FORMAT,
            "episode": self.episode,
            "robot": self.robot,
            "robot_file": self.robot_file,
            "namespace": self.namespace,
            "instruction": self.instruction,
            "note": self.note,
            "outcome": self.outcome,
            "reason": self.reason,
            "flags": json.dumps(list(self.flags)),
            "health": json.dumps(self.health),
            "versions": json.dumps(self.versions),
        }

    @classmethod
    def from_custom_data(cls, values: Mapping[str, str] | None) -> EpisodeInfo | None:
        """None for a bag that the recorder did not write."""
        if not values or "groot_ros.format" not in values:
            return None
        texts = ("episode", "robot", "robot_file", "namespace", "instruction", "note", "outcome")
        return cls(
            **{name: values.get(name, "") for name in (*texts, "reason")},
            flags=tuple(map(str, _parsed(values, "flags", []))),
            health=_parsed(values, "health", {}),
            versions=_parsed(values, "versions", {}),
        )


def _parsed(values: Mapping[str, str], name: str, empty: Any) -> Any:
    """A value of JSON; empty where a tool has lost or changed it."""
    try:
        found = json.loads(values.get(name, ""))
    except json.JSONDecodeError:
        return empty
    return found if isinstance(found, type(empty)) else empty


def software_versions(rmw: str) -> dict[str, str]:
    """What records: groot_ros, the ROS distribution, its middleware and Python."""
    return {
        "groot_ros": own_version(),
        "ros": os.environ.get("ROS_DISTRO", "unknown"),
        "rmw": rmw,
        "python": platform.python_version(),
    }
