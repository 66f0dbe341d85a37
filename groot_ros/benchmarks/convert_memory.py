"""How much memory converting takes, by the length of a bag and of an episode."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mcap.reader import make_reader

from groot_ros.benchmarks.convert import CODEC, FPS, RSS_UNIT
from groot_ros.benchmarks.moving_arm import ROBOT, write_bag
from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import TimeRange

# A chunk of 1 MiB holds so much of two cameras that send JPEG of 640x480.
CHUNK_S = 0.7
EPISODE_S = 60.0


@dataclass(frozen=True)
class MemoryBenchmark:
    """Bags of two cameras with small JPEG, in as many messages and chunks as with large ones; what
    grows with their length shows, and what a picture takes does not."""

    seconds: float = 7200.0
    folder: Path | None = None
    """Where bags and datasets lie for the time of the measurement; a temporary folder if None."""

    def run(self) -> dict[str, Any]:
        """Convert the last minute of a bag, of one of a tenth of its length, and all of that."""
        with TemporaryDirectory(dir=self.folder) as name:
            long, short = (
                _Part(Path(name, "long"), self.seconds),
                _Part(Path(name, "short"), self.seconds / 10),
            )
            for part in (long, short):
                write_bag(part.bag, part.seconds, "small", CHUNK_S)
            (chunks, messages), (few, _) = long.counts(), short.counts()
            of_long, of_short = long.peak_bytes(EPISODE_S), short.peak_bytes(EPISODE_S)
            whole = short.peak_bytes(short.seconds)
        return {
            "seconds": self.seconds,
            "chunks": chunks,
            "messages": messages,
            "peak_rss_bytes": of_long,
            "bytes_per_chunk_of_a_bag": round((of_long - of_short) / (chunks - few)),
            "bytes_per_s_of_an_episode": round((whole - of_short) / (short.seconds - EPISODE_S)),
        }


@dataclass(frozen=True)
class _Part:
    folder: Path
    seconds: float

    @property
    def bag(self) -> Path:
        return self.folder / "bag"

    def counts(self) -> tuple[int, int]:
        """Chunks and messages of the bag."""
        [file] = self.bag.glob("*.mcap")
        with file.open("rb") as stream:
            summary = make_reader(stream).get_summary()
        assert summary and summary.statistics
        return summary.statistics.chunk_count, summary.statistics.message_count

    def peak_bytes(self, last_s: float) -> int:
        """The most memory that a new process has while it converts the last seconds."""
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(
                _convert, self, [TimeRange(self.seconds - last_s, self.seconds)]
            ).result()


def _convert(part: _Part, ranges: Sequence[TimeRange]) -> int:
    conversion = Conversion(
        bags=[part.bag],
        robot=ROBOT,
        codec=CODEC,
        output=part.folder / f"dataset_{ranges[0].start_s:g}",
        fps=FPS,
        choice=EpisodeChoice(instruction="move", ranges=ranges),
    )
    convert(conversion)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT
