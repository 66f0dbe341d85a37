"""What a user says about the episodes of bags."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from groot_ros.options import option

if TYPE_CHECKING:
    from groot_ros.data.playback.episodes import Episode, TableRow, TimeRange


@dataclass(frozen=True)
class EpisodeChoice:
    """What the user said about the episodes, beside what is in the bags."""

    instruction: str = option("the task in words, for all episodes", default="")
    instruction_topic: str = option(
        "std_msgs/String topic with the task", default="", metavar="TOPIC"
    )
    ranges: Sequence[TimeRange] = ()
    table: Mapping[str, Sequence[TableRow]] = field(default_factory=dict)
    namespace: str = option("of the robot's relative topics", default="")
    """Empty takes what the bag says."""
    change: Callable[[Episode], Episode | None] | None = None
    """What becomes of an episode that was found; None leaves it out."""
