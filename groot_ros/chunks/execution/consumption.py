"""The passing of chunk time, which is at most as fast as the clock, and the times of commands."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Any

KEPT_NS = 60_000_000_000
# A chunk whose time passes slower than this share of the clock is not waited for.
SLOWEST_SHARE = 0.1


class Consumption:
    """Chunk time as a function of the clock, piecewise linear between marks.

    After the last mark it passes at a constant rate, before the first one as fast as the clock.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque([(0, 0.0)])
        self._rate = 1.0

    def set_rate(self, now_ns: int, rate: float) -> None:
        """Let chunk time pass at `rate` (chunk seconds per second) from `now_ns` on."""
        self.mark(now_ns, self.between_s(self._marks[-1][0], now_ns))
        self._rate = rate

    def mark(self, now_ns: int, passed_s: float) -> None:
        """Record that `passed_s` of chunk time has passed between the last mark and `now_ns`."""
        consumed_s = self._marks[-1][1] + passed_s
        while len(self._marks) > 1 and self._marks[-1][0] >= now_ns:
            self._marks.pop()
        self._marks.append((now_ns, consumed_s))
        while len(self._marks) > 2 and self._marks[1][0] < now_ns - KEPT_NS:
            self._marks.popleft()

    def between_s(self, start_ns: int, end_ns: int) -> float:
        """Chunk time in s that passes between two times in ns."""
        return self._at_s(end_ns) - self._at_s(start_ns)

    def _at_s(self, time_ns: int) -> float:
        later_ns, later_s = self._marks[-1]
        if time_ns >= later_ns:
            return later_s + (time_ns - later_ns) / 1e9 * self._rate
        for mark_ns, mark_s in reversed(self._marks):
            if mark_ns <= time_ns:
                share = (time_ns - mark_ns) / (later_ns - mark_ns)
                return mark_s + share * (later_s - mark_s)
            later_ns, later_s = mark_ns, mark_s
        return later_s - (later_ns - time_ns) / 1e9

    def __getstate__(self) -> dict[str, Any]:
        """Packed: thousands of pairs would be pickled in one go, and every thread wait for it."""
        times_ns = array("q", (time_ns for time_ns, _ in self._marks))
        consumed_s = array("d", (consumed for _, consumed in self._marks))
        return {"times_ns": times_ns, "consumed_s": consumed_s, "rate": self._rate}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._marks = deque(zip(state["times_ns"], state["consumed_s"], strict=True))
        self._rate = state["rate"]


class CommandTimes:
    """Times in ns of the caller's clock at which commands were made and chunks arrived.

    `last_ns` is the time of the last command, `consumption` the chunk time that has passed.
    """

    def __init__(self, period_ns: int) -> None:
        self.last_ns = 0
        self.consumption = Consumption()
        self._period_ns = period_ns
        self._heard_ns = 0
        self._hold_since_ns = 0
        self._goes_on_until_ns: int | None = None

    def begin(self, now_ns: int) -> None:
        """Begin commanding at `now_ns`, as if the previous command had been made a period ago."""
        self.last_ns = now_ns - self._period_ns
        self.consumption.set_rate(self.last_ns, 1.0)

    def begin_anew(self, now_ns: int) -> None:
        """`begin`, and drop the history of chunk time."""
        self._heard_ns = now_ns
        self.consumption = Consumption()
        self.begin(now_ns)

    def hear(self, now_ns: int) -> None:
        """Record the arrival of a chunk at `now_ns`."""
        self._heard_ns = now_ns

    def hold(self, now_ns: int) -> None:
        """Record that the motion is at rest from `now_ns` on."""
        self._hold_since_ns = now_ns

    def held_ns(self, now_ns: int) -> int:
        """Duration in ns for which the motion has been at rest."""
        return now_ns - self._hold_since_ns

    def silent_s(self, now_ns: int) -> float:
        """Duration in s since the last chunk arrived."""
        return (now_ns - self._heard_ns) / 1e9

    def is_silent(self, now_ns: int, watchdog_s: float) -> bool:
        """Whether no chunk arrived for more than `watchdog_s` of chunk time.

        Chunk time counts because a policy that sends the next chunk after a number of executed
        steps sends it later where execution is slow.
        """
        chunk_s = self.consumption.between_s(self._heard_ns, now_ns)
        return max(chunk_s, SLOWEST_SHARE * self.silent_s(now_ns)) > watchdog_s

    def has_gap(self, now_ns: int, longest_s: float) -> bool:
        """Whether no command was made for `longest_s`, or the clock went back."""
        return not -self._period_ns <= now_ns - self.last_ns <= longest_s * 1e9

    def let_go_on(self, now_ns: int, left_ns: int) -> None:
        """Record that a controller needs another `left_ns` to reach the end of the last trajectory
        sent."""
        self._goes_on_until_ns = min(self.last_ns, now_ns) + left_ns

    def goes_on(self, now_ns: int) -> bool:
        """Whether the controller is still following that trajectory (`let_go_on`)."""
        return self._goes_on_until_ns is not None and now_ns < self._goes_on_until_ns

    def due_ns(self, now_ns: int, lead: int) -> int:
        """Time in ns of the command that is `lead` periods ahead."""
        return max(now_ns, self.last_ns + self._period_ns) + (lead - 1) * self._period_ns

    def since_command_ns(self, now_ns: int) -> int:
        """Time in ns since the last command, at most one period."""
        return min(max(0, now_ns - self.last_ns), self._period_ns)

    def clock_set(self, by_ns: int) -> None:
        """Shift all recorded times after the clock was set by `by_ns`."""
        self.last_ns += by_ns
        self._heard_ns += by_ns
        self._hold_since_ns += by_ns
        if self._goes_on_until_ns is not None:
            self._goes_on_until_ns += by_ns
        self.consumption = Consumption()
        self.consumption.set_rate(self.last_ns, 1.0)
