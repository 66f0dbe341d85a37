"""The tape of an executor as far back as an incident looks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from groot_ros.incidents.pickled import loads
from groot_ros.incidents.tape import Recording

TAPE_BYTES = 64 << 20
"""A flood of chunks shortens what is kept."""


@dataclass
class _Part:
    begun_ns: int
    executor: bytes
    calls: list[bytes] = field(default_factory=list)
    bytes: int = 0


class KeptTape:
    """Pieces of a tape, pickled as they come: those of the last `span_s`, and what is before them
    since the newest copy that is older."""

    def __init__(self, span_s: float) -> None:
        self._span_ns = round(span_s * 1e9)
        self._parts: deque[_Part] = deque()

    def begin(self, begun_ns: int, executor: bytes) -> None:
        """Restart the tape with a copy of the executor."""
        self._parts.append(_Part(begun_ns, executor, bytes=len(executor)))
        while len(self._parts) > 1 and self._is_over(begun_ns):
            self._parts.popleft()

    def tear(self) -> None:
        """What follows does not go on where this ends."""
        self._parts.clear()

    def add(self, calls: bytes) -> None:
        """A list of calls that follow."""
        if self._parts:
            self._parts[-1].calls.append(calls)
            self._parts[-1].bytes += len(calls)

    def _is_over(self, now_ns: int) -> bool:
        """Whether the oldest part is not needed; times of a clock that was set back are."""
        return now_ns - self._parts[1].begun_ns >= self._span_ns or self.bytes > TAPE_BYTES

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self._parts)

    def taken(self) -> TakenTape | None:
        """What is kept now; None before the first copy."""
        if not self._parts:
            return None
        first = self._parts[0]
        calls = tuple(data for part in self._parts for data in part.calls)
        return TakenTape(first.begun_ns, first.executor, calls)


@dataclass(frozen=True)
class TakenTape:
    """A tape as it was at a time."""

    begun_ns: int
    executor: bytes
    calls: tuple[bytes, ...]

    def recording(self) -> Recording:
        """What is on it."""
        calls = [call for data in self.calls for call in loads(data)]
        return Recording(self.begun_ns, loads(self.executor), calls)
