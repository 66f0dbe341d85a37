"""What becomes of a conversion, while it runs and at its end."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from groot_ros.data.conversion.extract import EpisodeResult
from groot_ros.data.conversion.jobs import Failure
from groot_ros.data.playback.losses import loss_lines, summed


@dataclass
class Report:
    """The result of a conversion: what was written, dropped and left out."""

    output: str
    episodes: list[EpisodeResult] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Episodes without success, left out by --only-success."""
    known: list[str] = field(default_factory=list)
    """Bags that the dataset was made of already, left out by --append."""
    discarded: list[str] = field(default_factory=list)
    """Episodes that an edit list leaves out."""
    frames: int = 0
    """All frames of the dataset."""

    @property
    def dropped(self) -> dict[str, int]:
        """Dropped steps by reason."""
        return summed(episode.dropped for episode in self.episodes)

    @property
    def losses(self) -> list[str]:
        """A line for each reason for which steps were dropped: how many, where and when."""
        return list(loss_lines((episode.name, episode.losses) for episode in self.episodes))

    @property
    def notes(self) -> list[str]:
        """Sentences about what was kept and is doubtful."""
        return [f"{episode.name}: {note}" for episode in self.episodes for note in episode.notes]

    @property
    def exit_code(self) -> int:
        """1 when something was left out because a bag is bad."""
        return 1 if self.failures else 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "output": self.output,
            "episodes": sum(len(episode.parts) for episode in self.episodes),
            "frames": self.frames,
            "duplicates": sum(episode.duplicates for episode in self.episodes),
            "dropped": self.dropped,
            "losses": {episode.name: episode.losses for episode in self.episodes},
            "notes": self.notes,
            "skipped": self.skipped,
            "known": self.known,
            "discarded": self.discarded,
            "failures": [asdict(failure) for failure in self.failures],
        }


class ConversionProgress:
    """Told what happens during a conversion; a display of it is a subclass."""

    def plan(self, episodes: int, frames: int) -> None:
        """How much there is to do, the frames estimated."""

    def frames(self, count: int) -> None:
        """Frames were added; may be called from another thread."""

    def episode(self, outcome: EpisodeResult | Failure) -> None:
        """An episode is done."""
