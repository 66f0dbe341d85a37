"""Streams whose stamps are further from their arrival than those of the other streams are.

The delay of a message, its arrival minus its stamp, is what transport took and what the clocks are
apart. Transport takes no less than nothing, and of commands and states, which are small, hardly
anything; of pictures it may take a while. And what commands a robot is what has arrived, so that
commands are to count by their arrival wherever that is far from their stamps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.robot.stream_time import STATE_MAX_AGE_S

# Clocks that are kept together differ by less, and so do delays of small messages; this is one
# step and a half at 15 Hz.
SMALL_S = 0.1
# Pictures may take that longer than all else; states that do are refused by a live node.
SLOW_S = STATE_MAX_AGE_S
# Medians of fewer messages, or of delays that vary by more than half of an offset, are no proof.
LEAST_MESSAGES = 10
MOST_UNEVEN = 0.5


@dataclass(frozen=True, kw_only=True)
class Stamped:
    """A topic whose stamps count; `key` is its place in the robot file."""

    type_name: str
    key: str
    is_state: bool = False
    is_label: bool = False
    is_planned: bool = False
    """Labels that may be meant for later than they are sent."""
    latency_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Offset:
    """How far the stamps of a topic are behind those of the others (ahead of them if negative), in
    s; `is_proof` where only another clock explains it."""

    topic: str
    stream: Stamped
    by_s: float
    most_s: float
    is_proof: bool

    @property
    def is_label(self) -> bool:
        """Whether the topic is a demonstrator's command."""
        return self.stream.is_label

    @property
    def whose(self) -> str:
        return f"the commands on {self.topic}" if self.is_label else self.topic


def sentences(offsets: Iterable[Offset]) -> Iterator[str]:
    """What is to be said of offsets, one sentence for those that are alike."""
    groups: dict[tuple[bool, int], list[Offset]] = {}
    for offset in offsets:
        groups.setdefault((offset.is_proof, round(offset.by_s / SMALL_S)), []).append(offset)
    for (is_proof, _), alike in groups.items():
        first, labels = alike[0], [offset for offset in alike if offset.is_label]
        side = "behind" if first.by_s > 0 else "ahead of"
        told = "they are of another clock, and" if is_proof else "if they are of another clock,"
        wrong = [] if len(labels) == len(alike) else ["what was seen is put to wrong times"]
        wrong += ["every action is off by as much"] if labels else []
        remedy = clock_remedy([offset.stream for offset in alike])
        yield (
            f"the stamps of {_listed([offset.whose for offset in alike])} are "
            f"{abs(first.by_s):.2f} s {side} those of the other streams, measured at their "
            f"arrival, expected less than {first.most_s:g} s: {told} {_listed(wrong)}; {remedy}"
        )


def clock_remedy(streams: Sequence[Stamped]) -> str:
    """What to set in the robot file where stamps are of another clock."""
    seen = any(not stream.is_label for stream in streams)
    return (
        f"set `clock: arrival` at {_listed([stream.key for stream in streams])} of the robot "
        "file, and `latency` to the time in s from the measurement to the arrival"
        + (", which `groot-ros calibrate` estimates" if seen else "")
    )


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def find_offsets(
    stamped: Mapping[str, Stamped], health: Mapping[str, StreamHealth]
) -> Iterator[Offset]:
    """Streams that are further from the others than is usual."""
    offsets = {
        topic: offset_s
        for topic in stamped
        if topic in health and (offset_s := health[topic].offset_s()) is not None
    }
    meant = {topic: offset_s + stamped[topic].latency_s for topic, offset_s in offsets.items()}
    ahead = {topic: meant_s for topic, meant_s in meant.items() if meant_s < -SMALL_S}
    rest = {topic: offset_s for topic, offset_s in offsets.items() if topic not in ahead}
    yield from _ahead(ahead, rest, stamped, health)
    for topic, offset_s in rest.items():
        others = {other: found for other, found in rest.items() if other != topic}
        yield from _behind(topic, offset_s, others, stamped=stamped, health=health)


def _ahead(
    ahead: Mapping[str, float],
    rest: Mapping[str, float],
    stamped: Mapping[str, Stamped],
    health: Mapping[str, StreamHealth],
) -> Iterator[Offset]:
    """Streams that arrive before their stamps, their latency taken off, unlike the `rest`; where
    all do, the bag's clock is behind, which harms nothing."""
    small = [
        offset_s
        for topic, offset_s in rest.items()
        if stamped[topic].is_state or stamped[topic].is_label
    ]
    if not rest:
        return
    nearest_s, proof_s = min(small or rest.values()), SMALL_S if small else SLOW_S
    for topic, offset_s in ahead.items():
        stream, by_s = stamped[topic], nearest_s - offset_s
        if by_s > SMALL_S:
            is_proof = by_s > proof_s and not stream.is_planned and _is_even(health[topic], by_s)
            yield Offset(topic=topic, stream=stream, by_s=-by_s, most_s=SMALL_S, is_proof=is_proof)


def _behind(
    topic: str,
    offset_s: float,
    others: Mapping[str, float],
    *,
    stamped: Mapping[str, Stamped],
    health: Mapping[str, StreamHealth],
) -> Iterator[Offset]:
    """A stream that is later than all others: commands beyond states, all else beyond all."""
    stream = stamped[topic]
    states = [found for other, found in others.items() if stamped[other].is_state]
    if stream.is_label:
        compared, most_s = states or list(others.values()), SMALL_S
    else:
        compared, most_s = [*others.values(), 0.0], SLOW_S
    if not compared:
        return
    by_s = offset_s - max(compared)
    if by_s > most_s:
        is_proof = stream.is_label and _is_even(health[topic], by_s)
        yield Offset(topic=topic, stream=stream, by_s=by_s, most_s=most_s, is_proof=is_proof)


def _is_even(stream: StreamHealth, by_s: float) -> bool:
    """Whether delays vary by so little that their median is that of a clock."""
    _, delays_s = stream.delays()
    low_s, high_s = np.quantile(delays_s, (0.1, 0.9))
    return len(delays_s) >= LEAST_MESSAGES and high_s - low_s < MOST_UNEVEN * by_s
