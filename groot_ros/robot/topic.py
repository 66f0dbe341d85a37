"""Names of topics, as ROS takes them."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

# Names that ROS takes, relative, absolute or private; substitutions such as {node} included.
_PATTERN = r"(?a)\A(~?/)?[A-Za-z_{][\w{}]*(/[A-Za-z_{][\w{}]*)*\Z"
LONGEST_TOPIC = 200
TOPIC = (
    "a topic name such as /joint_states: letters, digits and _ between slashes, no digit behind a "
    f"slash, at most {LONGEST_TOPIC} characters"
)
Topic = Annotated[
    str,
    Meta(pattern=_PATTERN, max_length=LONGEST_TOPIC, extra={"expected": TOPIC, "short": "topic"}),
]


def absolute(topic: str, namespace: str = "/") -> str:
    """The name of a topic of the robot file in a graph, or in a bag, of nodes in a namespace."""
    if topic.startswith("/"):
        return topic
    return f"/{namespace.strip('/')}/{topic}" if namespace.strip("/") else f"/{topic}"


def is_topic(name: str) -> bool:
    """Whether ROS takes a topic of this name."""
    return len(name) <= LONGEST_TOPIC and re.match(_PATTERN, name) is not None
