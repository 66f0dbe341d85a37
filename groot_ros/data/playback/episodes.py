"""Where the episodes of a bag begin and end, what they are about and how they went."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Any

from groot_ros.data.bags.episode_info import FAILURE, SUCCESS, EpisodeInfo
from groot_ros.data.bags.message_decoder import EVENT_TYPE
from groot_ros.data.bags.reader import Bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.topics import EVENT_TOPIC
from groot_ros.errors import UserError
from groot_ros.robot.topic import absolute

STRING = "std_msgs/msg/String"
TABLE_COLUMNS = ("bag", "instruction", "start_s", "end_s", "success")


class Event(IntEnum):
    """The constants of groot_ros_msgs/EpisodeEvent."""

    START = 0
    STOP = 1
    DISCARD = 2
    SUCCESS = 3
    FAILURE = 4
    INSTRUCTION = 5
    RESET = 6


@dataclass(frozen=True)
class Episode:
    """A part of a bag, by times of arrival in ns: from `start_ns` on and before `stop_ns`."""

    bag: Path
    name: str
    start_ns: int
    stop_ns: int
    instruction: str = ""
    outcome: str = ""
    """success, failure, or empty where nobody said."""
    namespace: str = "/"
    """What relative topics of the robot file are below."""
    notes: tuple[str, ...] = ()
    """Of the first episode of a bag, sentences about the bag."""

    @property
    def duration_s(self) -> float:
        """Duration in s."""
        return (self.stop_ns - self.start_ns) / 1e9


@dataclass(frozen=True)
class TimeRange:
    """Seconds since the beginning of the bag."""

    start_s: float
    stop_s: float


@dataclass(frozen=True)
class TableRow:
    """A line of the table of episodes; None and empty where it says nothing."""

    instruction: str = ""
    range: TimeRange | None = None
    outcome: str = ""


def parse_range(text: str) -> TimeRange:
    """START:END in seconds, such as 12.5:30."""
    try:
        start, end = (float(part) for part in text.split(":"))
    except ValueError:
        raise UserError(f"range {text!r} is not START:END in seconds such as 12.5:30") from None
    return _checked_range(start, end, f"range {text!r}")


def _checked_range(start_s: float, end_s: float, what: str) -> TimeRange:
    if not 0 <= start_s < end_s:
        raise UserError(f"{what} goes from {start_s:g} to {end_s:g} s, expected 0 <= START < END")
    return TimeRange(start_s, end_s)


def read_table(path: Path) -> dict[str, list[TableRow]]:
    """Rows by the bag's name from a CSV with the columns bag, instruction and, as wanted,
    start_s, end_s, success; UserError names the line."""
    try:
        with path.open(newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"table of episodes {path} cannot be read: {error}") from error
    columns = set(lines[0]) if lines else set()
    if "bag" not in columns or not columns <= set(TABLE_COLUMNS):
        raise UserError(
            f"table of episodes {path} has the columns {sorted(map(str, columns))}, expected "
            f"bag and any of {', '.join(TABLE_COLUMNS[1:])} in its first line"
        )
    table: dict[str, list[TableRow]] = {}
    for number, line in enumerate(lines, start=2):
        row = _table_row(line, f"{path}, line {number}")
        table.setdefault(Path(line["bag"].strip()).name, []).append(row)
    return table


def _table_row(line: Mapping[str, str | None], where: str) -> TableRow:
    def cell(column: str) -> str:
        return (line.get(column) or "").strip()

    start, end = cell("start_s"), cell("end_s")
    if bool(start) != bool(end):
        raise UserError(f"{where}: give both start_s and end_s or neither")
    outcomes = {"": "", "1": SUCCESS, "true": SUCCESS, "0": FAILURE, "false": FAILURE}
    if cell("success").lower() not in outcomes:
        raise UserError(f"{where}: success is {cell('success')!r}, expected true or false")
    try:
        seconds = _checked_range(float(start), float(end), where) if start else None
    except ValueError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{where}: start_s {start!r} or end_s {end!r} is not a number") from None
    return TableRow(cell("instruction"), seconds, outcomes[cell("success").lower()])


def find_episodes(bag: Bag, choice: EpisodeChoice) -> list[Episode]:
    """Those of `list_episodes`, changed as the choice says; BagError for an episode without an
    instruction, or no messages."""
    count = sum(info.count for info in bag.topics.values())
    if count == 0:
        raise BagError(f"bag {bag.path} holds no messages: nothing was recorded")
    if count == bag.timeless:
        raise BagError(
            f"all messages of bag {bag.path} were recorded at a time of 0, as by a recorder that "
            "waits for /clock: record it again while the simulation runs"
        )
    listed = list_episodes(bag, choice)
    if choice.change:
        changed = (choice.change(episode) for episode in listed)
        listed = [episode for episode in changed if episode]
    found = [_with_instruction(episode) for episode in listed]
    return [replace(episode, notes=tuple(bag.notes)) for episode in found[:1]] + found[1:]


def list_episodes(bag: Bag, choice: EpisodeChoice) -> list[Episode]:
    """Episodes of a bag: from the table, from the ranges, from its events, or the whole of it."""
    whole = _whole(bag, choice)
    if rows := choice.table.get(bag.name):
        episodes = [_from_row(whole, row, index) for index, row in enumerate(rows)]
    elif choice.ranges:
        rows = [TableRow(range=seconds) for seconds in choice.ranges]
        episodes = [_from_row(whole, row, index) for index, row in enumerate(rows)]
    else:
        episodes = _from_events(bag, whole) or [whole]
        if choice.instruction:
            episodes = [replace(episode, instruction=choice.instruction) for episode in episodes]
    if choice.instruction_topic and any(not episode.instruction for episode in episodes):
        texts = _topic_texts(bag, absolute(choice.instruction_topic, whole.namespace))
        episodes = [part for episode in episodes for part in _by_topic(episode, texts)]
    return [replace(episode, instruction=episode.instruction.strip()) for episode in episodes]


def _whole(bag: Bag, choice: EpisodeChoice) -> Episode:
    info = bag.info or EpisodeInfo()
    namespace = choice.namespace or info.namespace
    instruction = choice.instruction or info.instruction or bag.custom_data.get("instruction", "")
    return Episode(
        bag=bag.path,
        name=bag.name,
        start_ns=bag.start_ns,
        stop_ns=bag.end_ns,
        instruction=instruction,
        outcome=info.outcome,
        namespace=namespace,
    )


def _with_instruction(episode: Episode) -> Episode:
    if not episode.instruction:
        raise BagError(
            f"episode {episode.name} of bag {episode.bag} has no instruction: give one with "
            "--instruction, or per bag with --episodes TABLE.csv"
        )
    return episode


def _from_row(whole: Episode, row: TableRow, index: int) -> Episode:
    start_ns, stop_ns = whole.start_ns, whole.stop_ns
    if row.range:
        start_ns = whole.start_ns + round(row.range.start_s * 1e9)
        stop_ns = min(whole.stop_ns, whole.start_ns + round(row.range.stop_s * 1e9))
        if start_ns >= whole.stop_ns:
            raise BagError(
                f"range from {row.range.start_s:g} s of bag {whole.bag} lies behind its end at "
                f"{whole.duration_s:.1f} s"
            )
    return replace(
        whole,
        name=f"{whole.name}#{index}" if row.range else whole.name,
        start_ns=start_ns,
        stop_ns=stop_ns,
        instruction=row.instruction or whole.instruction,
        outcome=row.outcome or whole.outcome,
    )


def _by_topic(episode: Episode, texts: Sequence[tuple[int, str]]) -> list[Episode]:
    """An episode without an instruction, cut where that of the topic changes.

    The first instruction of all counts for what is before it too.
    """
    if episode.instruction or not texts:
        return [episode]
    before = [text for time_ns, text in texts if time_ns <= episode.start_ns]
    cuts = [(t, text) for t, text in texts if episode.start_ns < t < episode.stop_ns]
    if not before:
        before = [cuts.pop(0)[1]] if cuts else [texts[0][1]]
    starts = [(episode.start_ns, before[-1]), *cuts]
    stops = [*(time_ns for time_ns, _ in starts[1:]), episode.stop_ns]
    many = len(starts) > 1
    return [
        replace(
            episode,
            name=f"{episode.name}#{index}" if many else episode.name,
            start_ns=start_ns,
            stop_ns=stop_ns,
            instruction=text,
        )
        for index, ((start_ns, text), stop_ns) in enumerate(zip(starts, stops, strict=True))
    ]


def _topic_texts(bag: Bag, topic: str) -> list[tuple[int, str]]:
    """Instructions on a topic and when each was said; repetitions are left out."""
    if topic not in bag.topics or STRING not in bag.topics[topic].counts:
        raise BagError(f"bag {bag.path} has no topic {topic} of type {STRING} for the instruction")
    texts: list[tuple[int, str]] = []
    for _, time_ns, message in bag.messages({topic: STRING}):
        text = str(message.data).strip()
        if text and (not texts or text != texts[-1][1]):
            texts.append((time_ns, text))
    return texts


def _from_events(bag: Bag, whole: Episode) -> list[Episode]:
    topics = [
        topic
        for topic, info in bag.topics.items()
        if EVENT_TYPE in info.counts and topic.rsplit("/", 1)[-1] == EVENT_TOPIC
    ]
    own = absolute(EVENT_TOPIC, whole.namespace)
    chosen = [own] if own in topics else topics
    events = [(ns, m) for _, ns, m in bag.messages(dict.fromkeys(chosen, EVENT_TYPE))]
    return split_by_events(whole, events)


def split_by_events(whole: Episode, events: Iterable[tuple[int, object]]) -> list[Episode]:
    """Episodes between START and what ends them, the discarded ones left out.

    A mark of success or failure counts for the episode that runs or ended last, an instruction
    for the one that runs and those that follow.
    """
    marks = _Marks(whole)
    for time_ns, event in events:
        marks.take(time_ns, event)
    return marks.finish()


class _Marks:
    def __init__(self, whole: Episode) -> None:
        self._whole = whole
        self._instruction = whole.instruction
        self._running: Episode | None = None
        self._done: list[Episode] = []

    def take(self, time_ns: int, event: Any) -> None:
        # A number that is none of these is of a version to come, and means nothing yet.
        kind = event.event
        instruction = str(event.instruction).strip()
        if kind == Event.START:
            self._end(time_ns)
            self._begin(time_ns, instruction or self._instruction)
        elif kind in (Event.STOP, Event.RESET):
            self._end(time_ns)
        elif kind == Event.DISCARD:
            if self._running:
                self._running = None
            elif self._done:
                self._done.pop()
        elif kind in (Event.SUCCESS, Event.FAILURE):
            self._mark(SUCCESS if kind == Event.SUCCESS else FAILURE)
        elif kind == Event.INSTRUCTION:
            self._instruction = instruction
            if self._running:
                self._running = replace(self._running, instruction=instruction)

    def _begin(self, time_ns: int, instruction: str) -> None:
        self._instruction = instruction
        name = f"{self._whole.name}#{len(self._done)}"
        self._running = replace(
            self._whole, name=name, start_ns=time_ns, stop_ns=0, instruction=instruction
        )

    def _end(self, time_ns: int) -> None:
        if self._running and time_ns > self._running.start_ns:
            self._done.append(replace(self._running, stop_ns=time_ns))
        self._running = None

    def _mark(self, outcome: str) -> None:
        if self._running:
            self._running = replace(self._running, outcome=outcome)
        elif self._done:
            self._done[-1] = replace(self._done[-1], outcome=outcome)

    def finish(self) -> list[Episode]:
        self._end(self._whole.stop_ns)
        return self._done
