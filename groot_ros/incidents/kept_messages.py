"""The newest messages of some topics, within a time and a size."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from groot_ros.data.bag_metadata import Topic


@dataclass(frozen=True)
class Message:
    """A serialised message and when it came in ns."""

    topic: Topic
    time_ns: int
    data: bytes


class KeptMessages:
    """Messages of the last `span_s`, of at most `most_bytes`: what is older goes first.

    One thread adds, others may take; `_lock` guards what they share.
    """

    def __init__(self, span_s: float, most_bytes: int) -> None:
        self._span_ns = round(span_s * 1e9)
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._messages: deque[Message] = deque()
        self.bytes = 0

    def add(self, message: Message) -> None:
        """A message has come; one that is larger than all that may be kept is not."""
        if len(message.data) > self._most_bytes:
            return
        with self._lock:
            self._messages.append(message)
            self.bytes += len(message.data)
            while self._is_over(message.time_ns):
                self.bytes -= len(self._messages.popleft().data)

    def _is_over(self, now_ns: int) -> bool:
        # A clock that was set back leaves messages of a time that is yet to come.
        is_old = abs(now_ns - self._messages[0].time_ns) > self._span_ns
        return is_old or self.bytes > self._most_bytes

    def taken(self) -> list[Message]:
        """What is kept now."""
        with self._lock:
            return list(self._messages)
