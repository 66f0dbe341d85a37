"""When the first messages of streams were received, and what their stamps say."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from groot_ros.data.bags.reader import Bag
from groot_ros.observation.fields import NS
from groot_ros.observation.routes import header_ns

# So long all topics are looked for together, then those that are still missing one by one.
TOGETHER_NS = 2 * NS


def first_stamps(
    bag: Bag, topics: Mapping[str, str], count: int, start_ns: int, stop_ns: int
) -> dict[str, list[tuple[int, int]]]:
    """By topic arrival and stamp in ns of the first `count` messages between two times.

    `topics` have types whose messages have a header; a stamp of 0 is none.
    """
    found: dict[str, list[tuple[int, int]]] = {topic: [] for topic in topics}
    soon_ns = min(stop_ns, start_ns + TOGETHER_NS)
    for topic, arrival_ns, message in bag.messages(topics, start_ns, soon_ns):
        if len(found[topic]) < count:
            found[topic].append((arrival_ns, header_ns(message)))
        elif all(len(first) == count for first in found.values()):
            return found
    for topic, first in found.items():
        rest = bag.messages({topic: topics[topic]}, soon_ns, stop_ns)
        for _, arrival_ns, message in islice(rest, count - len(first)):
            first.append((arrival_ns, header_ns(message)))
    return found
