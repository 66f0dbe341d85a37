"""Whether the stamps of all used streams, labels too, are of one clock, and how far it is from the
bag's.

A constant difference of all streams, as of simulation time in a bag that was recorded on the wall
clock, is taken: stamps are moved onto the bag's clock, by the offset of the stream that arrives
soonest, so that no message arrives before its stamp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from groot_ros.data.bags.reader import Bag
from groot_ros.data.bags.storage import BagError
from groot_ros.data.clocks.breaks import ClockBreaks, find_breaks, rests
from groot_ros.data.clocks.drift import Drift, find_drifts
from groot_ros.data.clocks.offsets import SMALL_S, Stamped, clock_remedy, find_offsets, sentences
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.first_stamps import first_stamps
from groot_ros.data.playback.replay import BagSource, make_buffer
from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.observation.fields import NS
from groot_ros.observation.routes import Route
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.labels import TRAJECTORY
from groot_ros.robot.stream_time import HEADER, STATE_MAX_AGE_S

# Messages take their time, but not this much more than others: then stamps are of another clock.
CLOCK_OFFSET_S = 1.0
# States that are always later than this are of no use to a live node: the clocks differ.
COMMON_OFFSET_S = STATE_MAX_AGE_S
# As late as makes a live node refuse states, and three steps at 15 Hz.
FARTHEST_DRIFT_S = STATE_MAX_AGE_S
# Medians over so many messages of a stream's beginning and end are no accident.
PROBED = 32


def _observed(streams: Mapping[str, Route]) -> dict[str, Stamped]:
    return {
        topic: Stamped(type_name=route.type_name, key=_key(route), is_state=not route.is_camera)
        for topic, route in streams.items()
        if route.clock == HEADER
    }


def _stamped(source: BagSource) -> dict[str, Stamped]:
    streams = source.streams(make_buffer(source.robot, source.codec))
    found = {
        topic: replace(stream, latency_s=_latency_s(source.robot, streams[topic]))
        for topic, stream in _observed(streams).items()
    }
    for label in source.labels():
        if label.counts_by_stamp:
            stamped = Stamped(
                type_name=label.type_name,
                key=label.label.key,
                is_label=True,
                is_planned=label.kind.name == TRAJECTORY,
                latency_s=label.label.time.latency_s,
            )
            found.setdefault(label.topic, stamped)
    return found


def _latency_s(robot: RobotConfig, route: Route) -> float:
    observed = robot.observations
    if route.is_camera:
        return max(observed.cameras[name].latency_s for name in route.streams)
    return max(observed.signals[name].time.latency_s for name in route.streams)


def _key(route: Route) -> str:
    place = "observations.cameras." if route.is_camera else "observations."
    return " and ".join(place + stream for stream in route.streams)


def on_bag_clock(source: BagSource, episode: Episode) -> BagSource:
    """The source with `behind_ns` by the beginning of each stream of an episode.

    BagError where a stream is on another clock than the others.
    """
    behind_ns = _behind_ns(source.bag, _stamped(source), episode.start_ns, episode.stop_ns)
    return replace(source, behind_ns=behind_ns)


def stamps_behind_ns(bag: Bag, streams: Mapping[str, Route], start_ns: int, stop_ns: int) -> int:
    """How far the stamps of streams are behind the bag's clock between two times, 0 where they are
    of it; BagError where a stream is on another clock than the others."""
    return _behind_ns(bag, _observed(streams), start_ns, stop_ns)


def _behind_ns(bag: Bag, stamped: Mapping[str, Stamped], start_ns: int, stop_ns: int) -> int:
    offsets = {}
    types = {topic: stream.type_name for topic, stream in stamped.items()}
    for topic, first in first_stamps(
        bag, types, count=PROBED, start_ns=start_ns, stop_ns=stop_ns
    ).items():
        delays = [arrival_ns - stamp_ns for arrival_ns, stamp_ns in first if stamp_ns]
        if delays:
            offsets[topic] = float(np.median(delays)) / NS
    _check_agreement(offsets, stamped)
    if not offsets:
        return 0
    soonest_s, latest_s = _soonest_s(list(offsets.values())), max(offsets.values())
    if soonest_s > COMMON_OFFSET_S or latest_s < -COMMON_OFFSET_S:
        return round(soonest_s * NS)
    return 0


def _soonest_s(offsets_s: Sequence[float]) -> float:
    """The least offset, but for one that is far below all others: that stream's clock is ahead."""
    soonest_s, *others = sorted(offsets_s)
    return others[0] if len(others) > 1 and others[0] - soonest_s > SMALL_S else soonest_s


def _check_agreement(offsets: Mapping[str, float], stamped: Mapping[str, Stamped]) -> None:
    """BagError for a stream on another clock than most; of two clocks alike, than the bag's."""
    if not offsets:
        return

    def followers(offset_s: float) -> tuple[int, float]:
        near = [abs(other - offset_s) <= CLOCK_OFFSET_S for other in offsets.values()]
        return sum(near), -abs(offset_s)

    common_s = max(offsets.values(), key=followers)
    for topic, offset_s in offsets.items():
        differs_s = offset_s - common_s
        if abs(differs_s) > CLOCK_OFFSET_S:
            side = "behind" if differs_s > 0 else "ahead of"
            raise BagError(
                f"the stamps of {topic} are {abs(differs_s):.1f} s {side} those of the other "
                f"streams, expected less than {CLOCK_OFFSET_S:g} s: they are of another clock; "
                f"let its publisher use the same one, or {clock_remedy([stamped[topic]])}"
            )


def check_clocks(
    source: BagSource, episode: Episode, health: Mapping[str, StreamHealth]
) -> list[Drift]:
    """Streams whose clocks drift a little; `health` is of a whole episode.

    ClockBreaks where clocks jump, BagError where stamps drift far, or are of another clock than
    those of other streams.
    """
    stamped = _stamped(source)
    used = {topic: health[topic] for topic in stamped if topic in health}
    if breaks := find_breaks(used, source.bag.clock_steps):
        found = rests(breaks, used, episode.start_ns, episode.stop_ns)
        raise ClockBreaks(breaks, found, source.bag.start_ns)
    for topic, stream in used.items():
        _, delays_s = stream.delays()
        if len(delays_s) == 0:
            continue
        first_s, last_s = np.median(delays_s[:PROBED]), np.median(delays_s[-PROBED:])
        if abs(last_s - first_s) > CLOCK_OFFSET_S:
            raise BagError(
                f"the stamps of {topic} do not keep their distance to the bag's clock: it changes "
                f"by {last_s - first_s:.3g} s within the episode, expected less than "
                f"{CLOCK_OFFSET_S:g} s; record simulations that do not run in real time with "
                f"`ros2 bag record --use-sim-time`, or set `clock: arrival` at "
                f"{stamped[topic].key} of the robot file"
            )
    offsets_s = {topic: stream.offset_s() for topic, stream in used.items()}
    offsets = {topic: offset for topic, offset in offsets_s.items() if offset is not None}
    _check_agreement(offsets, stamped)
    drifts = find_drifts(used)
    for drift in drifts:
        if abs(drift.change_s) > FARTHEST_DRIFT_S:
            raise BagError(f"{drift.sentence}; {clock_remedy([stamped[drift.topic]])}")
    if proven := [offset for offset in find_offsets(stamped, used) if offset.is_proof]:
        raise BagError("; ".join(sentences(proven)))
    return drifts


def clock_notes(
    source: BagSource, health: Mapping[str, StreamHealth], drifts: Sequence[Drift]
) -> Iterator[str]:
    """Sentences about a clock that was taken although it is not the bag's, clocks that drift,
    messages without a time, and streams whose stamps are further from those of the others than
    transport explains."""
    stamped = _stamped(source)
    for drift in drifts:
        yield f"{drift.sentence}: at the end it is off by as much"
    yield from _unstamped_notes(stamped, health)
    if source.behind_ns:
        behind_s = source.behind_ns / NS
        side = "behind" if behind_s > 0 else "ahead of"
        yield (
            f"all stamps are {abs(behind_s):.1f} s {side} the bag's clock, as in simulation "
            "time: the difference was taken out"
        )
    yield from offset_notes(source, health)


def offset_notes(source: BagSource, health: Mapping[str, StreamHealth]) -> Iterator[str]:
    """Sentences about streams that arrive before their stamps, or later than is usual."""
    yield from sentences(find_offsets(_stamped(source), health))


def _unstamped_notes(
    stamped: Mapping[str, Stamped], health: Mapping[str, StreamHealth]
) -> Iterator[str]:
    for topic, stream in stamped.items():
        stamps = health[topic].stamps
        count = sum(stamp_ns == 0 for stamp_ns in stamps)
        if count and stream.is_label:
            yield (
                f"{count} of {len(stamps)} commands on {topic} carry no time, and count by their "
                "arrival"
            )
        elif count:
            yield (
                f"{count} of {len(stamps)} messages on {topic} carry no time (header.stamp is 0) "
                f"and were left out; `clock: arrival` at {stream.key} of the robot file uses them"
            )
