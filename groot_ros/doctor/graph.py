"""What is wrong between publishers and subscribers of a ROS graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

from groot_ros.files.shell import quoted
from groot_ros.robot.checking.finding import Finding
from groot_ros.robot.checking.live import AHEAD_S
from groot_ros.robot.drafting.seen import SeenTopic

CLOCK = "/clock"
# Messages of cameras and drivers are younger than this when they arrive.
LATEST_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A publisher or subscriber of a topic, with the node and the type as it knows it."""

    topic: str
    node: str
    type_name: str
    type_hash: str = ""
    """Of the definition of the type; empty where the middleware does not tell."""
    is_publisher: bool


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """A publisher whose quality of service a subscriber does not take, and why."""

    topic: str
    publisher: str
    subscriber: str
    reason: str


def graph_findings(
    endpoints: Sequence[Endpoint],
    mismatches: Iterable[Mismatch],
    seen: Sequence[SeenTopic],
    own_node: str,
) -> list[Finding]:
    """All that keeps messages from coming, and clocks that disagree with this machine's.

    Args:
        endpoints: Of all topics.
        mismatches: Pairs of them that the middleware does not connect.
        seen: What came while somebody listened.
        own_node: Whoever listened.
    """
    if all(endpoint.node == own_node for endpoint in endpoints):
        return [
            Finding(
                "graph",
                "nobody else is in it: start the robot's driver, and give both sides the same "
                "ROS_DOMAIN_ID and ROS_AUTOMATIC_DISCOVERY_RANGE",
                is_doubt=True,
                command="ros2 node list",
            )
        ]
    found: list[Finding] = []
    by_topic = sorted(endpoints, key=lambda e: e.topic)
    for topic, group in groupby(by_topic, lambda e: e.topic):
        found += _types(topic, list(group))
    found += _unconnected(mismatches)
    found += _clocks([e.node for e in by_topic if e.topic == CLOCK and e.is_publisher], seen)
    return found


def _types(topic: str, endpoints: Sequence[Endpoint]) -> Iterator[Finding]:
    command = f"ros2 topic info -v {quoted(topic)}"
    names = sorted({endpoint.type_name for endpoint in endpoints})
    if len(names) > 1:
        who = "; ".join(f"{name} at {_nodes(endpoints, name)}" for name in names)
        yield Finding(
            topic,
            f"is of different types, which never meet: {who}; rename one of the topics",
            command=command,
        )
        return
    hashes = sorted({endpoint.type_hash for endpoint in endpoints if endpoint.type_hash})
    if len(hashes) > 1:
        who = "; ".join(
            _nodes([e for e in endpoints if e.type_hash == value], names[0]) for value in hashes
        )
        yield Finding(
            topic,
            f"{names[0]} is defined differently at {who}: messages are lost or misread; build the "
            "same version of its package on both sides",
            command=command,
        )


def _nodes(endpoints: Iterable[Endpoint], type_name: str) -> str:
    return ", ".join(sorted({e.node for e in endpoints if e.type_name == type_name}))


def _unconnected(mismatches: Iterable[Mismatch]) -> Iterator[Finding]:
    for mismatch in mismatches:
        yield Finding(
            mismatch.topic,
            f"{mismatch.subscriber} hears nothing of {mismatch.publisher} "
            f"({mismatch.reason}): give both the same quality of service",
            command=f"ros2 topic info -v {quoted(mismatch.topic)}",
        )


def _clocks(clock_nodes: Sequence[str], seen: Sequence[SeenTopic]) -> Iterator[Finding]:
    if len(set(clock_nodes)) > 1:
        yield Finding(
            CLOCK,
            f"is published by {', '.join(sorted(set(clock_nodes)))}: time jumps between them; "
            "leave one of them, or give each its own ROS_DOMAIN_ID",
            command=f"ros2 topic info -v {CLOCK}",
        )
    if clock_nodes:
        # Stamps are of simulated time, arrivals are not.
        return
    for topic in seen:
        if not topic.behind_s:
            continue
        behind_s = median(topic.behind_s)
        if -AHEAD_S <= behind_s <= LATEST_S:
            continue
        side = "behind" if behind_s > 0 else "ahead of"
        whose = ", ".join(topic.publishers) or "its publisher"
        yield Finding(
            topic.name,
            f"stamps of {whose} are {abs(behind_s):.3g} s {side} this machine's clock: "
            "synchronise both, or set clock: arrival in the robot file",
            command="chronyc tracking",
        )
