"""Which chunks have a say: none that is void, late, or one of too many."""

from __future__ import annotations

from collections import deque

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.consumption import Consumption

# No policy makes more chunks than this in FLOOD_NS.
FLOOD_CHUNKS = 50
FLOOD_NS = 500_000_000


class Admission:
    """Looks at chunks as they arrive and counts those that are refused one after the other."""

    def __init__(self, rejected_in_row: int) -> None:
        self._rejected_in_row = rejected_in_row
        self._refused = 0
        self._arrivals: deque[int] = deque(maxlen=FLOOD_CHUNKS)

    def is_flooded(self, now_ns: int) -> bool:
        """A chunk has come; whether too many did lately."""
        self._arrivals.append(now_ns)
        full = len(self._arrivals) == FLOOD_CHUNKS
        return full and now_ns - self._arrivals[0] < FLOOD_NS

    def is_too_much(self, reason: str | None) -> bool:
        """A chunk was refused for a reason, or None: taken; whether that is once too often."""
        self._refused = 0 if reason is None else self._refused + 1
        return self._refused >= self._rejected_in_row

    def forgive(self) -> None:
        """What was refused so far does not count any more."""
        self._refused = 0

    def clear(self) -> None:
        """Count anew."""
        self.forgive()
        self._arrivals.clear()


def void_reason(chunk: Chunk, epoch: int, consumption: Consumption, now_ns: int) -> str | None:
    """Why a chunk has nothing to say any more, None if it has."""
    if chunk.epoch < epoch:
        return f"epoch {chunk.epoch} is over, now it is {epoch}"
    if (early_ns := chunk.stamp_ns - now_ns) > chunk.step_ns:
        return (
            f"its stamp is {early_ns / 1e9:.2f} s in the future: check that the clocks of "
            "camera, policy and executor agree"
        )
    if consumption.between_s(chunk.stamp_ns, now_ns) * 1e9 > chunk.end_ns - chunk.stamp_ns:
        late_s = (now_ns - chunk.end_ns) / 1e9
        return f"all {len(chunk)} steps have passed, the last one {late_s:.2f} s ago"
    return None
