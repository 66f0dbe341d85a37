"""Whether the topics of a robot arrive as a recording needs them, while it is made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, NamedTuple

from groot_ros.observation.fields import NS
from groot_ros.observation.named_topics import named_topics
from groot_ros.robot.config import RobotConfig

RATE_WINDOW_S = 1.0
# A rate is compared with the median of this many earlier windows.
RATE_WINDOWS = 10
RATE_WINDOWS_LEAST = 3
RATE_FALL = 0.5
# Slower topics are judged by their age alone.
JUDGED_RATE_HZ = 5.0
# A clock that is this far ahead is not another computer's scheduling.
AHEAD_S = 0.05
STAMP_JUMP_S = 0.5
# How long a stream may take to begin.
BEGIN_S = 1.0


@dataclass(frozen=True)
class Expectation:
    """What the robot file says of a topic: the streams in it and their oldest age, in s."""

    streams: tuple[str, ...]
    max_age_s: float


@dataclass(frozen=True)
class Expectations:
    """Topics with observations, topics of which at least one should carry commands, actions that
    command the robot."""

    observations: Mapping[str, Expectation]
    commands: tuple[str, ...]
    actions: tuple[str, ...] = ()

    @property
    def topics(self) -> set[str]:
        return {*self.observations, *self.commands}

    def names(self, topic: str) -> bool:
        """Whether the robot file names a topic, or the action that it is a hidden topic of."""
        return topic in self.topics or topic.startswith(
            tuple(f"{action}/_action/" for action in self.actions)
        )


def expectations(robot: RobotConfig, resolve: Callable[[str], str] = str) -> Expectations:
    """Everything that a robot file names; `resolve` makes the absolute names of topics."""
    observations: dict[str, Expectation] = {}
    commands: list[str] = []
    actions: list[str] = []
    for named in named_topics(robot):
        topic = resolve(named.topic)
        if not named.stream:
            (actions if named.is_action else commands).append(topic)
            continue
        known = observations.get(topic, Expectation((), named.max_age_s))
        observations[topic] = Expectation(
            (*known.streams, named.stream), min(known.max_age_s, named.max_age_s)
        )
    return Expectations(
        observations, tuple(dict.fromkeys(commands)), tuple(dict.fromkeys(actions))
    )


@dataclass
class TopicCounts:
    """What happened on a topic since the beginning of an episode."""

    messages: int = 0
    bytes: int = 0
    dropped: int = 0
    gaps: int = 0
    longest_gap_s: float = 0.0
    stamp_jumps: int = 0
    unstamped: int = 0


class Problem(NamedTuple):
    """What is wrong with a topic; a later problem of a kind says more than an earlier one."""

    kind: str
    sentence: str


@dataclass(frozen=True)
class TopicReport:
    """A topic now: rate, age of the newest message, and what is wrong in words.

    `clock_offset_s` is arrival minus stamp, the least of the last second: the clock's offset and
    the shortest way; None without stamps.
    """

    topic: str
    expected: bool
    rate_hz: float
    age_s: float | None
    clock_offset_s: float | None
    counts: TopicCounts
    problems: tuple[Problem, ...]

    def values(self) -> dict[str, Any]:
        """Numbers for the bag's metadata and the diagnostics."""
        counts = self.counts
        return {
            "messages": counts.messages,
            "bytes": counts.bytes,
            "rate_hz": round(self.rate_hz, 2),
            "age_s": None if self.age_s is None else round(self.age_s, 4),
            "clock_offset_s": (
                None if self.clock_offset_s is None else round(self.clock_offset_s, 4)
            ),
            "dropped": counts.dropped,
            "gaps": counts.gaps,
            "longest_gap_s": round(counts.longest_gap_s, 4),
            "stamp_jumps": counts.stamp_jumps,
            "unstamped": counts.unstamped,
        }


@dataclass
class TopicHealth:
    """Follows one topic; `received` is called for every message and does little."""

    topic: str
    started_ns: int
    expectation: Expectation | None = None
    counts: TopicCounts = field(default_factory=TopicCounts)

    def __post_init__(self) -> None:
        self._newest_ns: int | None = None
        self._stamp_ns: int | None = None
        self._sequence: int | None = None
        self._is_followed = True
        self._offset_ns: int | None = None
        self._recent_offset_ns: int | None = None
        self._window_ns = self.started_ns
        self._window_messages = 0
        self._window_has_gap = False
        self._rate_hz = 0.0
        self._fell_from_hz: float | None = None
        self._rates: deque[float] = deque(maxlen=RATE_WINDOWS)
        self._begun_ns = self.started_ns

    def begin(self, now_ns: int) -> None:
        """Clear counts and flags, at the beginning of an episode."""
        self.counts = TopicCounts()
        self._begun_ns = now_ns

    def received(
        self, arrival_ns: int, size: int, stamp_ns: int | None, sequence: int | None
    ) -> None:
        """Take a message into account.

        `stamp_ns` is its header's stamp, None for types without one; `sequence` its number at
        its publisher, None where the middleware does not tell or there are several publishers.
        """
        counts = self.counts
        counts.messages += 1
        counts.bytes += size
        self._window_messages += 1
        if self._newest_ns is not None:
            self._count_gap(arrival_ns, self._newest_ns)
        self._newest_ns = arrival_ns
        self._follow(sequence)
        if stamp_ns is not None:
            self._take_stamp(arrival_ns, stamp_ns)

    def _follow(self, sequence: int | None) -> None:
        """Count what is missing between a publisher's numbers.

        Numbers that fall belong to another publisher, a new one or one more: nothing is counted
        until two follow each other again.
        """
        if sequence is not None and self._sequence is not None:
            if sequence == self._sequence + 1:
                self._is_followed = True
            elif sequence <= self._sequence:
                self._is_followed = False
            elif self._is_followed:
                self.counts.dropped += sequence - self._sequence - 1
        self._sequence = sequence

    def _count_gap(self, arrival_ns: int, newest_ns: int) -> None:
        gap_s = (arrival_ns - max(newest_ns, self._begun_ns)) / NS
        self.counts.longest_gap_s = max(self.counts.longest_gap_s, gap_s)
        if self.expectation and gap_s > self.expectation.max_age_s:
            self.counts.gaps += 1
            self._window_has_gap = True

    def _take_stamp(self, arrival_ns: int, stamp_ns: int) -> None:
        if stamp_ns == 0:
            self.counts.unstamped += 1
            return
        offset_ns = arrival_ns - stamp_ns
        if self._stamp_ns is not None:
            backwards = stamp_ns < self._stamp_ns
            ahead = (
                self._recent_offset_ns is not None
                and self._recent_offset_ns - offset_ns > STAMP_JUMP_S * NS
            )
            if backwards or ahead:
                self.counts.stamp_jumps += 1
                self._recent_offset_ns = None
        self._stamp_ns = stamp_ns
        if self._recent_offset_ns is None or offset_ns < self._recent_offset_ns:
            self._recent_offset_ns = offset_ns

    def report(self, now_ns: int) -> TopicReport:
        """State now; call it several times a second, it closes the windows of the rate."""
        if now_ns - self._window_ns >= RATE_WINDOW_S * NS:
            self._close_window(now_ns)
        age_s = None if self._newest_ns is None else (now_ns - self._newest_ns) / NS
        offset_s = None if self._offset_ns is None else self._offset_ns / NS
        problems = tuple(self._problems(now_ns, age_s, offset_s))
        return TopicReport(
            topic=self.topic,
            expected=self.expectation is not None,
            rate_hz=self._rate_hz,
            age_s=age_s,
            clock_offset_s=offset_s,
            counts=replace(self.counts),
            problems=problems,
        )

    def _close_window(self, now_ns: int) -> None:
        self._rate_hz = self._window_messages * NS / (now_ns - self._window_ns)
        usual_hz = median(self._rates) if len(self._rates) >= RATE_WINDOWS_LEAST else 0.0
        # A gap has a problem of its own.
        judged = self._window_messages > 0 and not self._window_has_gap
        fell = judged and usual_hz >= JUDGED_RATE_HZ and self._rate_hz < RATE_FALL * usual_hz
        self._fell_from_hz = usual_hz if fell else None
        if judged:
            self._rates.append(self._rate_hz)
        self._window_ns, self._window_messages, self._window_has_gap = now_ns, 0, False
        if self._recent_offset_ns is not None:
            self._offset_ns, self._recent_offset_ns = self._recent_offset_ns, None

    def _problems(
        self, now_ns: int, age_s: float | None, offset_s: float | None
    ) -> Iterator[Problem]:
        if self.expectation is None:
            return
        limit_s = self.expectation.max_age_s
        if age_s is None:
            if (now_ns - self._begun_ns) / NS > max(BEGIN_S, limit_s):
                yield Problem("gap", "nothing received")
            return
        counts = self.counts
        if age_s > limit_s:
            yield Problem("gap", f"silent for {age_s:.1f} s, max_age is {limit_s:g} s")
        elif counts.gaps:
            longest = f"the longest {counts.longest_gap_s:.1f} s"
            yield Problem("gap", f"{counts.gaps} gaps over max_age {limit_s:g} s, {longest}")
        if self._fell_from_hz is not None:
            rates = f"from {self._fell_from_hz:.0f} to {self._rate_hz:.0f} Hz"
            yield Problem("rate", f"rate fell {rates}")
        if counts.dropped:
            yield Problem("dropped", f"{counts.dropped} messages lost on the way")
        if counts.unstamped:
            yield Problem("unstamped", "messages carry no time (header.stamp is 0)")
        if counts.stamp_jumps:
            yield Problem("stamp", f"stamps jumped {counts.stamp_jumps} times")
        if offset_s is not None and not -AHEAD_S <= offset_s <= limit_s:
            side = "ahead of" if offset_s < 0 else "behind"
            yield Problem("clock", f"stamps are {abs(offset_s):.2f} s {side} this clock")


class RecordingHealth:
    """Health of all topics, and the flags of the episode that is being recorded."""

    def __init__(self, expected: Expectations, now_ns: int) -> None:
        self._expected = expected
        self._begun_ns = now_ns
        self._recording = False
        self._flags: dict[tuple[str, str], str] = {}
        self.topics: dict[str, TopicHealth] = {}
        for topic in expected.topics:
            self.add(topic, now_ns)

    def add(self, topic: str, now_ns: int) -> TopicHealth:
        """Follow a topic; the same one again if it is known."""
        if topic not in self.topics:
            expectation = self._expected.observations.get(topic)
            self.topics[topic] = TopicHealth(topic, now_ns, expectation)
        return self.topics[topic]

    def begin(self, now_ns: int) -> None:
        """Clear all flags, at the beginning of an episode."""
        self._begun_ns, self._recording = now_ns, True
        self._flags.clear()
        for topic in self.topics.values():
            topic.begin(now_ns)

    def end(self) -> None:
        self._recording = False

    def reports(self, now_ns: int) -> list[TopicReport]:
        """All topics now, those of the robot file first; remembers what breaks the episode."""
        reports = [health.report(now_ns) for health in self.topics.values()]
        if self._recording:
            for report in reports:
                for problem in report.problems:
                    self.flag(report.topic, problem)
        return sorted(reports, key=lambda report: (not report.expected, report.topic))

    def flag(self, subject: str, problem: Problem) -> None:
        """Mark the episode."""
        self._flags[subject, problem.kind] = f"{subject}: {problem.sentence}"

    @property
    def flag_kinds(self) -> set[tuple[str, str]]:
        """Which topics are flagged for what."""
        return set(self._flags)

    def flags(self, now_ns: int) -> list[str]:
        """What is or was wrong in this episode, in sentences."""
        flags = list(self._flags.values())
        commands = self._expected.commands
        silent = all(self.topics[topic].counts.messages == 0 for topic in commands)
        if commands and silent and (now_ns - self._begun_ns) / NS > BEGIN_S:
            flags.append(
                f"nothing on {', '.join(commands)}: only variants that learn from the reached "
                "pose (*_traj) can use this episode"
            )
        return flags
