"""What the files of bags have in common: topics, times, messages as they were serialised."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from groot_ros.errors import UserError

Number = TypeVar("Number", int, float)


class BagError(UserError):
    """A bag, or an episode in it, that cannot be converted; others can."""


class Damaged(Exception):
    """A file that is not whole; what is wrong with it follows the file's name."""


class Lost(Damaged):
    """A file in which there is nothing that repair could save."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Messages of one type on one topic of a file.

    `encoding` is how they are serialised (cdr, ros1, json, ...), `schema` the text that defines
    their type, `schema_encoding` its language (ros2msg, ros2idl, ros1msg, or what nobody knows),
    `qos` the YAML of what the publishers offered, `digest` the type's RIHS01 hash.
    """

    topic: str
    type_name: str
    encoding: str
    count: int
    schema: str = ""
    schema_encoding: str = ""
    qos: str = ""
    digest: str = ""


Raw = tuple[int, Stream, bytes]
"""Time of arrival in ns, stream and serialised message."""


class StorageFile(Protocol):
    """An open file of a bag; `start_ns` and `end_ns` are of its first and last message."""

    @property
    def streams(self) -> Sequence[Stream]: ...
    @property
    def start_ns(self) -> int: ...
    @property
    def end_ns(self) -> int: ...
    @property
    def custom_data(self) -> Mapping[str, str]:
        """What the file itself says of the bag."""

    @property
    def parts(self) -> Collection[str]:
        """Names of the files of its recording, as far as the file knows them."""

    def messages(
        self, streams: Collection[Stream], start_ns: int | None, stop_ns: int | None
    ) -> Iterator[Raw]:
        """From `start_ns` on and before `stop_ns`, in the order of arrival."""

    def steps_back(self) -> Sequence[tuple[int, int]]:
        """Times in ns after and before each step back of the clock, in the order of the file."""

    def close(self) -> None: ...


# Robots record no later than the year 2100: a time beyond it, like one of 0, is none.
LATEST_NS = 4_102_444_800 * 10**9

# Publishers and recorders are late by less; a clock that was set back goes back by more.
STEP_BACK_NS = 500_000_000


def joined(intervals: Iterable[tuple[Number, Number]]) -> list[tuple[Number, Number]]:
    """Intervals without overlaps, in order."""
    found: list[tuple[Number, Number]] = []
    for low, high in sorted(intervals):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return found


@dataclass(frozen=True)
class MessageSource:
    """Messages in order, none before `start_ns`; they are opened when their time has come."""

    start_ns: int
    open: Callable[[], Iterator[Raw]]


def merged(sources: Iterable[MessageSource]) -> Iterator[Raw]:
    """Messages of all sources in the order of arrival; at equal times, of the earlier source."""
    waiting: list[tuple[int, int, Raw | None, Iterator[Raw]]] = [
        (source.start_ns, number, None, _later(source)) for number, source in enumerate(sources)
    ]
    heapq.heapify(waiting)
    while waiting:
        _, number, item, rest = heapq.heappop(waiting)
        if item is not None:
            yield item
        for item in rest:
            key = (item[0], number)
            if waiting and waiting[0][:2] < key:
                heapq.heappush(waiting, (*key, item, rest))
                break
            yield item


def _later(source: MessageSource) -> Iterator[Raw]:
    yield from source.open()
