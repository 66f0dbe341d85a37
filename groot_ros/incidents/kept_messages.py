"""The newest messages of some topics, within a time and a size."""

from __future__ import annotations

import threading
from collections import deque

Message = tuple[str, int, bytes]
"""Topic, when it came in ns, and the message serialised: a plain tuple, as `tape.Call` is."""


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
        """Keep a message, unless it is larger than the whole budget."""
        _, time_ns, data = message
        if len(data) > self._most_bytes:
            return
        with self._lock:
            self._messages.append(message)
            self.bytes += len(data)
            while self._is_over(time_ns):
                self.bytes -= len(self._messages.popleft()[2])

    def _is_over(self, now_ns: int) -> bool:
        # A clock that was set back leaves messages of a time that is yet to come.
        is_old = abs(now_ns - self._messages[0][1]) > self._span_ns
        return is_old or self.bytes > self._most_bytes

    def taken(self) -> list[Message]:
        """What is kept now."""
        with self._lock:
            return list(self._messages)
