"""What bags show of a robot, for a draft of its robot file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from groot_ros.data.bags.reader import Bag, open_bag
from groot_ros.robot.drafting.roles import LOOKED_AT
from groot_ros.robot.drafting.seen import SeenTopic

# What one looks at of a bag; ranges come from there.
LONGEST_S = 120.0
# Of a camera so many messages tell its size; of video the first ones may not.
PICTURES = 3


def seen_in_bags(paths: Sequence[Path]) -> list[SeenTopic]:
    """The topics of bags, together; BagError where one cannot be read."""
    found: dict[str, SeenTopic] = {}
    counts: dict[str, int] = {}
    lasted: dict[str, float] = {}
    for path in paths:
        with open_bag(path) as bag:
            for name, info in bag.topics.items():
                if not info.type_name or bag.obstacle(name):
                    continue
                topic = found.setdefault(name, SeenTopic(name, info.type_name))
                if topic.type_name == info.type_name:
                    counts[name] = counts.get(name, 0) + info.count
                    lasted[name] = lasted.get(name, 0.0) + bag.duration_s
            _look(bag, found)
    for name, topic in found.items():
        topic.finish(counts[name], counts[name] / lasted[name] if lasted[name] else 0.0)
    return list(found.values())


def _look(bag: Bag, found: dict[str, SeenTopic]) -> None:
    held = {
        name: topic
        for name, topic in found.items()
        if name in bag.topics and bag.topics[name].type_name == topic.type_name
    }
    told = {name: t.type_name for name, t in held.items() if t.type_name in LOOKED_AT}
    stop_ns = bag.start_ns + round(LONGEST_S * 1e9)
    for name, time_ns, message in bag.messages(told, None, stop_ns):
        found[name].add(message, time_ns)
    for name, topic in held.items():
        if topic.is_camera:
            messages = bag.messages({name: topic.type_name})
            for _, (_, time_ns, message) in zip(range(PICTURES), messages, strict=False):
                topic.add(message, time_ns)
