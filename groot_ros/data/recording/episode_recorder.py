"""Records episodes, each into a bag of its own; the node around it only brings the messages."""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from groot_ros.data.bags.background_writer import BackgroundBag, BackgroundWriter
from groot_ros.data.bags.cdr import header_stamp_ns
from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.bags.message_definitions import find_definition
from groot_ros.data.bags.metadata import Topic, set_custom_data
from groot_ros.data.recording.health import (
    Expectations,
    Problem,
    RecordingHealth,
    TopicHealth,
    TopicReport,
)
from groot_ros.data.repair.repair import repair_bag
from groot_ros.errors import UserError
from groot_ros.files.part import PART_SUFFIX
from groot_ros.files.shell import quoted

EPISODE_NAME = re.compile(r"episode_(\d{6})")
# Latched messages of a topic that every bag begins with: /tf_static has many publishers.
LATCHED_MESSAGES = 100
LEAST_FREE_BYTES = 16 * 2**20


class Arrival(NamedTuple):
    """A serialised message; `sequence` as in TopicHealth.received."""

    log_ns: int
    publish_ns: int
    sequence: int | None
    data: bytes


@dataclass
class RecordedEpisode:
    """An episode that is recorded or was; `saved` once its bag has its final name."""

    info: EpisodeInfo
    bag: BackgroundBag
    started_ns: int
    messages: int = 0
    """Handed over to be written; once it is saved those in its bag."""
    overflow: int = 0
    saved: bool = False
    failure: str = ""
    """Why its bag did not get its final name."""


@dataclass
class _Source:
    """A topic that is received."""

    topic: Topic
    stamped: bool
    latched: deque[Arrival] | None
    health: TopicHealth


@dataclass(frozen=True)
class RecorderOptions:
    """Where and how bags are written; sizes in bytes."""

    output: Path
    compress: bool = False
    buffer_bytes: int = 512 * 2**20
    least_free_bytes: int = 2**30


class EpisodeRecorder:
    """At most one episode at a time; `receive` may be called at any rate and never waits.

    Times are in ns of the clock that the messages' log times are in. A UserError says why
    something is not possible now.
    """

    def __init__(
        self, options: RecorderOptions, context: EpisodeInfo, expected: Expectations, now_ns: int
    ) -> None:
        self._options = options
        self._context = context
        self.health = RecordingHealth(expected, now_ns)
        self._sources: dict[str, _Source] = {}
        self._writer = BackgroundWriter(options.buffer_bytes)
        self.episode: RecordedEpisode | None = None
        self.last: RecordedEpisode | None = None
        self._number = -1
        self._annotated: set[tuple[str, str]] = set()
        self.reports: list[TopicReport] = []
        self._make_folder()

    def interrupted(self) -> list[Path]:
        """Bags that an earlier recorder did not finish."""
        return sorted(self._options.output.glob(f"*{PART_SUFFIX}"))

    def add_topic(self, topic: Topic, latched: bool, now_ns: int) -> None:
        """Accept a topic's messages; UserError when its type is not installed.

        The messages of a latched topic came before the episode and belong to it all the same.
        """
        definition = find_definition(topic.type)
        self._sources[topic.name] = _Source(
            replace(topic, digest=topic.digest or definition.digest),
            definition.stamped,
            deque(maxlen=LATCHED_MESSAGES) if latched else None,
            self.health.add(topic.name, now_ns),
        )

    def receive(self, topic: str, arrival: Arrival) -> None:
        """Take a message that was received."""
        source = self._sources[topic]
        stamp_ns = header_stamp_ns(arrival.data) if source.stamped else None
        size = len(arrival.data)
        source.health.received(arrival.log_ns, size, stamp_ns, arrival.sequence)
        if source.latched is not None:
            source.latched.append(arrival)
        if self.episode:
            self._write(self.episode, source.topic, arrival)

    def _write(self, episode: RecordedEpisode, topic: Topic, arrival: Arrival) -> None:
        log_ns, publish_ns, _, data = arrival
        if self._writer.write(episode.bag, topic, log_ns=log_ns, publish_ns=publish_ns, data=data):
            episode.messages += 1
        else:
            episode.overflow += 1
            lost = f"{episode.overflow} messages lost because the disk is too slow"
            self.health.flag("recorder", Problem("overflow", lost))

    def start(
        self, now_ns: int, instruction: str, note: str = "", name: str = ""
    ) -> RecordedEpisode:
        """Begin an episode, `name` or the next number."""
        if self.episode:
            raise UserError(f"{self.episode.info.episode} is being recorded: stop it first")
        self._make_folder()
        least = self._options.least_free_bytes + LEAST_FREE_BYTES
        if (free := self.free_bytes) < least:
            raise UserError(
                f"{self._options.output} has {free / 1e9:.2f} GB left on its disk, expected more "
                f"than {least / 1e9:.2f} GB: make room"
            )
        name = name or self._next_name()
        info = replace(self._context, episode=name, instruction=instruction, note=note)
        episode = RecordedEpisode(
            info, BackgroundBag(self._options.output / name, self._options.compress), now_ns
        )
        self._writer.open(episode.bag, info.to_custom_data())
        self.health.begin(now_ns)
        self._annotated.clear()
        self.episode = self.last = episode
        for source in self._sources.values():
            for arrival in source.latched or ():
                self._write(episode, source.topic, arrival._replace(log_ns=now_ns))
        return episode

    def _make_folder(self) -> None:
        """Make the folder, again where somebody has moved it away since the last episode."""
        try:
            self._options.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"output {self._options.output} cannot be written ({error.strerror}): give a "
                "folder of yours"
            ) from error

    def _next_name(self) -> str:
        """A number that no bag in the folder has and none had since the recorder was made."""
        names = [path.name for path in self._options.output.iterdir()]
        used = [int(match[1]) for name in names if (match := EPISODE_NAME.match(name))]
        self._number = max([self._number, *used]) + 1
        return f"episode_{self._number:06d}"

    def stop(self, now_ns: int, reason: str) -> RecordedEpisode:
        """End the episode; its bag gets its final name in the background."""
        episode = self._running()
        self._describe(episode, now_ns)
        episode.info = replace(episode.info, reason=reason)
        self.health.end()
        self.episode = None
        self._writer.release(episode.bag, lambda: self._finish(episode))
        return episode

    def _running(self) -> RecordedEpisode:
        if self.episode is None:
            raise UserError("no episode is being recorded: start one first")
        return self.episode

    def _describe(self, episode: RecordedEpisode, now_ns: int) -> None:
        """Put the health so far into the episode's information."""
        reports = self.health.reports(now_ns)
        episode.info = replace(
            episode.info,
            flags=tuple(self.health.flags(now_ns)),
            health={r.topic: r.values() for r in reports if r.expected or r.counts.messages},
        )

    def _finish(self, episode: RecordedEpisode) -> None:
        """On the writer's thread: complete the bag, or save what a full disk left of it."""
        bag, custom_data = episode.bag, episode.info.to_custom_data()
        try:
            if bag.writer and not bag.failure:
                bag.writer.annotate(custom_data)
                bag.writer.finish()
                episode.saved = True
                return
        except OSError as error:
            bag.failure = f"{bag.path.name} cannot be written: {error}"
        flags = (*episode.info.flags, bag.failure)
        episode.info = replace(episode.info, flags=flags)
        if bag.writer is None:
            episode.failure = bag.failure
            return
        bag.writer.abandon()
        try:
            kept = repair_bag(bag.writer.part, episode.info.to_custom_data()).messages
            # Of what was handed over a part never got to the disk.
            lost, episode.messages = episode.messages - kept, kept
            told = f"{bag.failure}; the last {lost} messages are lost"
            episode.info = replace(episode.info, flags=(*flags[:-1], told))
            episode.saved = True
        except (OSError, UserError) as error:
            episode.failure = (
                f"{bag.failure}; what was written is in {bag.writer.part}: make room and run "
                f"`groot-ros repair {quoted(bag.writer.part)}` ({error})"
            )

    def discard(self) -> RecordedEpisode:
        """Delete the episode that is recorded, else the last one."""
        episode = self.episode or self._last()
        self.health.end()
        self.episode = self.last = None
        episode.info = replace(episode.info, reason="discarded")
        self._writer.release(episode.bag, lambda: _delete(episode))
        return episode

    def _last(self) -> RecordedEpisode:
        if self.last is None:
            raise UserError("no episode has been recorded since the node was configured")
        return self.last

    def mark(self, outcome: str) -> RecordedEpisode:
        """Set the outcome of the episode that is recorded, else of the last one."""
        episode = self.episode or self._last()
        self._change(episode, replace(episode.info, outcome=outcome))
        return episode

    def set_instruction(self, instruction: str) -> RecordedEpisode | None:
        """Change the instruction of the episode that is recorded."""
        if self.episode:
            self._change(self.episode, replace(self.episode.info, instruction=instruction))
        return self.episode

    def _change(self, episode: RecordedEpisode, info: EpisodeInfo) -> None:
        episode.info = info
        self._writer.submit(episode.bag, lambda: _annotate(episode, info.to_custom_data()))

    def check(self, now_ns: int) -> str:
        """Look after the episode, several times a second; why it must be stopped, if so."""
        self.reports = self.health.reports(now_ns)
        episode = self.episode
        if episode is None:
            return ""
        if episode.bag.failure:
            return episode.bag.failure
        if (free := self.free_bytes) < self._options.least_free_bytes:
            limit = self._options.least_free_bytes
            problem = f"{free / 1e9:.1f} GB left on the disk, stopped below {limit / 1e9:.1f} GB"
            self.health.flag("recorder", Problem("disk", problem))
            return problem
        self._annotate_new_flags(episode, now_ns)
        return ""

    def _annotate_new_flags(self, episode: RecordedEpisode, now_ns: int) -> None:
        """A crash later must not take the flags with it."""
        kinds = self.health.flag_kinds
        if kinds - self._annotated:
            self._annotated |= kinds
            self._describe(episode, now_ns)
            values = episode.info.to_custom_data()
            self._writer.submit(episode.bag, lambda: _annotate(episode, values))

    def flags(self, now_ns: int) -> list[str]:
        """What is wrong with the episode so far; empty between episodes."""
        return self.health.flags(now_ns) if self.episode else []

    @property
    def free_bytes(self) -> int:
        """Free bytes on the disk of the recordings."""
        folder = self._options.output.absolute()
        there = next(path for path in (folder, *folder.parents) if path.exists())
        return shutil.disk_usage(there).free

    @property
    def buffered_bytes(self) -> int:
        """Bytes of messages that wait for the disk."""
        return self._writer.buffered_bytes

    def close(self, timeout_s: float) -> bool:
        """Finish everything; False when the disk takes longer than `timeout_s`."""
        return self._writer.close(timeout_s)


def _annotate(episode: RecordedEpisode, values: dict[str, str]) -> None:
    if episode.saved:
        set_custom_data(episode.bag.path, values)
    elif episode.bag.writer and not episode.bag.failure:
        episode.bag.writer.annotate(values)


def _delete(episode: RecordedEpisode) -> None:
    if episode.saved:
        shutil.rmtree(episode.bag.path)
    elif episode.bag.writer:
        episode.bag.writer.discard()


def problems(reports: list[TopicReport]) -> Iterator[str]:
    """Everything that is wrong now, in sentences."""
    for report in reports:
        for problem in report.problems:
            yield f"{report.topic}: {problem.sentence}"
