"""Reading bags: MCAP, sqlite3, ROS 1; split, compressed; only what is wanted is parsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from groot_ros.data.bags.episode_info import EpisodeInfo
from groot_ros.data.bags.files import (
    NO_SPACE,
    BagOnDisk,
    bag_name,
    opened,
    recording_at,
)
from groot_ros.data.bags.message_decoder import MessageDecoder, Undecodable
from groot_ros.data.bags.metadata import FILE as METADATA
from groot_ros.data.bags.storage import (
    LATEST_NS,
    BagError,
    Damaged,
    Lost,
    MessageSource,
    Raw,
    StorageFile,
    Stream,
    joined,
    merged,
)
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted

# States and commands around a time that is in a bag twice are mixed with it.
STEP_MARGIN_NS = 200_000_000
Refuse = Callable[[str, int, str], None]
"""Told of a message that cannot be read: topic, time of arrival in ns, reason."""


@dataclass(frozen=True)
class TopicInfo:
    """A topic of a bag: messages of each type on it."""

    counts: Mapping[str, int]

    @property
    def type_name(self) -> str:
        """The message type; empty where there are several."""
        return next(iter(self.counts)) if len(self.counts) == 1 else ""

    @property
    def count(self) -> int:
        return sum(self.counts.values())


class Bag:
    """An open bag; `close` it, or use `open_bag`.

    BagError where it is damaged or a file of it is missing, which names the remedy. `notes` are
    sentences about what does not hinder reading, such as a promise of metadata.yaml that the
    files do not keep.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with readable(path):
            self._recording = recording_at(path)
        _check_complete(self._recording)
        with ExitStack() as stack:
            self._files = [self._open(file, stack) for file in self._recording.files]
            self._stack = stack.pop_all()
        self._decoder = MessageDecoder()
        counts: dict[str, Counter[str]] = {}
        for stream in self._streams():
            counts.setdefault(stream.topic, Counter())[stream.type_name] += stream.count
        self.topics: Mapping[str, TopicInfo] = {
            name: TopicInfo(dict(counts[name])) for name in sorted(counts)
        }
        filled = [file for file in self._files if any(s.count for s in file.streams)]
        self.start_ns = min((file.start_ns for file in filled), default=0)
        self.end_ns = max((file.end_ns + 1 for file in filled), default=0)
        self.timeless = 0
        """Messages with a time of 0: a recorder in simulation time that had no clock yet."""
        self.beyond = 0
        """Messages whose time is beyond LATEST_NS, which is of no clock."""
        if filled and self.start_ns == 0:
            self.start_ns, self.timeless = self._beginning()
        if self.start_ns < LATEST_NS < self.end_ns:
            self.end_ns, self.beyond = self._end()
        self.custom_data: Mapping[str, str] = self._custom_data()
        self.info: EpisodeInfo | None = EpisodeInfo.from_custom_data(self.custom_data)
        self.notes: Sequence[str] = list(self._notes())

    def _open(self, path: Path, stack: ExitStack) -> StorageFile:
        with readable(self.path, path):
            try:
                return stack.enter_context(opened(path))
            except Lost as error:
                where = f"{path.name} " if path != self.path else ""
                remedy = "restore it from a copy"
                if len(self._recording.files) > 1:
                    remedy += f", or go on without it after `groot-ros repair {quoted(self.path)}`"
                raise BagError(
                    f"bag {self.path} cannot be read ({where}{error}): {remedy}"
                ) from error

    def _streams(self) -> Iterator[Stream]:
        for file in self._files:
            yield from file.streams

    def _beginning(self) -> tuple[int, int]:
        """The first time above 0, or 0, and how many messages have a time of 0."""
        with readable(self.path):
            timeless = sum(1 for _ in self._raw(lambda _: True, 0, 1))
            times_ns = (time_ns for time_ns, *_ in self._raw(lambda _: True, 1, None))
            return next(times_ns, 0), timeless

    def _end(self) -> tuple[int, int]:
        """Behind the last time that a clock can have had, and how many messages are later."""
        with readable(self.path):
            beyond = sum(1 for _ in self._raw(lambda _: True, LATEST_NS, None))
            times_ns = (time_ns for time_ns, *_ in self._raw(lambda _: True, None, LATEST_NS))
            return max(times_ns, default=0) + 1, beyond

    @property
    def name(self) -> str:
        return bag_name(self.path)

    @property
    def duration_s(self) -> float:
        """Time in s from the first message to the last."""
        return max(0, self.end_ns - self.start_ns) / 1e9

    def _custom_data(self) -> dict[str, str]:
        """What metadata.yaml says, and what the files say of themselves where it does not."""
        found: dict[str, str] = {}
        for file in self._files:
            found |= file.custom_data
        return {**found, **self._recording.information.custom_data}

    def _notes(self) -> Iterator[str]:
        information = self._recording.information
        remedy = f"run `groot-ros repair {quoted(self.path)}`"
        if information.problem:
            yield f"{METADATA} cannot be read ({information.problem}): {remedy} to write it anew"
        if self.timeless:
            yield (
                f"{self.timeless} messages were recorded at a time of 0, before /clock had come, "
                "and are left out"
            )
        if self._recording.renamed:
            yield (
                f"{METADATA} names {self._recording.renamed}, which is not there: "
                f"{self._recording.files[0].name}, the only file of its kind, was read; {remedy} "
                "to write it anew"
            )
        if self.beyond:
            yield (
                f"{self.beyond} messages were recorded at a time beyond the year 2100, and are "
                "left out"
            )
        for file in self._recording.unlisted:
            yield f"{METADATA} does not name {file.name}, which belongs to the bag: {remedy}"
        for (topic, type_name), promised in information.counts.items():
            held = self.topics[topic].counts.get(type_name, 0) if topic in self.topics else 0
            if held != promised and not self._recording.unlisted:
                yield (
                    f"{METADATA} promises {promised} messages on {topic}, the files hold {held}: "
                    f"{remedy} to write it anew"
                )

    @cached_property
    def clock_steps(self) -> Sequence[tuple[int, int]]:
        """Times in ns that are in the bag twice, as its clock was set back, from and to."""
        with readable(self.path):
            steps = [step for file in self._files for step in file.steps_back()]
        return joined(steps)

    def clock_step_at(self, time_ns: int) -> str:
        """Why what was recorded at a time is not told apart; empty where it is."""
        for low_ns, high_ns in self.clock_steps:
            if low_ns - STEP_MARGIN_NS <= time_ns <= high_ns + STEP_MARGIN_NS:
                begin_s, end_s = (low_ns - self.start_ns) / 1e9, (high_ns - self.start_ns) / 1e9
                return (
                    f"the bag's clock steps back by {end_s - begin_s:.1f} s: the time from "
                    f"{begin_s:.1f} to {end_s:.1f} s is in it twice"
                )
        return ""

    def obstacle(self, topic: str) -> str:
        """Why no message of a topic can be read; empty where they can."""
        reasons = []
        for stream in self._streams():
            if stream.topic == topic:
                try:
                    self._decoder.prepare(stream)
                except Undecodable as error:
                    reasons.append(str(error))
                else:
                    return ""
        return reasons[0] if reasons else ""

    def messages(
        self,
        topics: Mapping[str, str],
        start_ns: int | None = None,
        stop_ns: int | None = None,
        refuse: Refuse | None = None,
    ) -> Iterator[tuple[str, int, Any]]:
        """Topic, time of arrival in ns and message, in the order of arrival.

        Of `topics` and their types, from `start_ns` on and before `stop_ns`. A single message
        that is damaged is left out and told to `refuse`; BagError where the bag is damaged or the
        definition of a type is not understood.
        """

        def is_wanted(stream: Stream) -> bool:
            return topics.get(stream.topic) == stream.type_name

        for stream in self._streams():
            if is_wanted(stream):
                self._prepare(stream)
        with readable(self.path):
            for time_ns, stream, data in self._raw(is_wanted, start_ns, stop_ns):
                try:
                    message = self._decoder.decode(stream, data)
                except Undecodable as error:
                    if refuse:
                        refuse(stream.topic, time_ns, str(error))
                    continue
                yield stream.topic, time_ns, message

    def _prepare(self, stream: Stream) -> None:
        try:
            self._decoder.prepare(stream)
        except Undecodable as error:
            raise BagError(
                f"topic {stream.topic} of bag {self.path} cannot be read, {error}: record it "
                "again with its definition"
            ) from error

    def _raw(
        self, is_wanted: Callable[[Stream], bool], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[Raw]:
        if self.beyond:
            stop_ns = self.end_ns if stop_ns is None else min(stop_ns, self.end_ns)
        sources = []
        for file in self._files:
            if streams := [stream for stream in file.streams if is_wanted(stream)]:
                begin = partial(file.messages, streams, start_ns, stop_ns)
                sources.append(MessageSource(file.start_ns, begin))
        return merged(sources)

    def close(self) -> None:
        self._stack.close()


def _check_complete(recording: BagOnDisk) -> None:
    if recording.missing:
        missing = ", ".join(recording.missing)
        repair = f"`groot-ros repair {quoted(recording.path)}`"
        remedy = f"put it back, or go on without it after {repair}"
        if not recording.files:
            remedy = (
                f"put it back; if other files in the folder are its own, remove {METADATA} and "
                f"run {repair}"
            )
        raise BagError(
            f"bag {recording.path} lacks {missing}, which its {METADATA} names: {remedy}"
        )


@contextmanager
def readable(path: Path, file: Path | None = None) -> Iterator[None]:
    """Turns what goes wrong while a bag, or a file of it, is read into BagError."""
    where = f"{file.name} " if file and file != path else ""
    try:
        yield
    except UserError:
        raise
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        raise BagError(
            f"bag {path} cannot be read ({where}{error.strerror or error}): check that you may "
            "read it and that its disk is well"
        ) from error
    except Damaged as error:
        raise BagError(
            f"bag {path} cannot be read ({where}{error}): it is damaged or was cut off, run "
            f"`groot-ros repair {quoted(path)}`"
        ) from error


@contextmanager
def open_bag(path: Path) -> Iterator[Bag]:
    """The bag at a path; BagError when it is damaged, which names the remedy."""
    bag = Bag(path)
    try:
        yield bag
    finally:
        bag.close()
