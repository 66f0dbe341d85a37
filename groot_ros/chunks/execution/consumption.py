"""When what happened, and how much of a chunk's time has passed since: as much as the motion's,
which follows the clock at best."""

from __future__ import annotations

from array import array
from collections import deque
from typing import Any

KEPT_NS = 60_000_000_000
# A chunk whose time passes slower than this share of the clock is not waited for.
SLOWEST_SHARE = 0.1


class Consumption:
    """Chunk time as a function of the clock, piecewise linear between what was marked.

    After the last mark it passes at a rate, before the first one as the clock does.
    """

    def __init__(self) -> None:
        self._marks: deque[tuple[int, float]] = deque([(0, 0.0)])
        self._rate = 1.0

    def set_rate(self, now_ns: int, rate: float) -> None:
        """From now on so much chunk time passes per time."""
        self.mark(now_ns, self.between_s(self._marks[-1][0], now_ns))
        self._rate = rate

    def mark(self, now_ns: int, passed_s: float) -> None:
        """So much chunk time has passed since the last mark."""
        consumed_s = self._marks[-1][1] + passed_s
        while len(self._marks) > 1 and self._marks[-1][0] >= now_ns:
            self._marks.pop()
        self._marks.append((now_ns, consumed_s))
        while len(self._marks) > 2 and self._marks[1][0] < now_ns - KEPT_NS:
            self._marks.popleft()

    def between_s(self, start_ns: int, end_ns: int) -> float:
        """Chunk time in s that passes from one time to another."""
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
    """When commands were made and chunks heard, in ns of the caller's clock.

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
        """The first command is due, as if one had been made a period ago."""
        self.last_ns = now_ns - self._period_ns
        self.consumption.set_rate(self.last_ns, 1.0)

    def begin_anew(self, now_ns: int) -> None:
        """As `begin`, where nothing is known of the time before."""
        self._heard_ns = now_ns
        self.consumption = Consumption()
        self.begin(now_ns)

    def hear(self, now_ns: int) -> None:
        """A chunk has come."""
        self._heard_ns = now_ns

    def hold(self, now_ns: int) -> None:
        """The motion is at rest from now on."""
        self._hold_since_ns = now_ns

    def held_ns(self, now_ns: int) -> int:
        """How long the motion has been at rest."""
        return now_ns - self._hold_since_ns

    def silent_s(self, now_ns: int) -> float:
        """How long nothing was heard."""
        return (now_ns - self._heard_ns) / 1e9

    def is_silent(self, now_ns: int, watchdog_s: float) -> bool:
        """Whether nothing was heard for more of the chunk's time than the watchdog allows.

        Who sends the next chunk after so many steps of this one waits longer where it is slow.
        """
        chunk_s = self.consumption.between_s(self._heard_ns, now_ns)
        return max(chunk_s, SLOWEST_SHARE * self.silent_s(now_ns)) > watchdog_s

    def has_gap(self, now_ns: int, longest_s: float) -> bool:
        """Whether no command came for so long, or the clock went back."""
        return not -self._period_ns <= now_ns - self.last_ns <= longest_s * 1e9

    def let_go_on(self, now_ns: int, left_ns: int) -> None:
        """A controller is on its way to the end of what the last command sent it."""
        self._goes_on_until_ns = min(self.last_ns, now_ns) + left_ns

    def goes_on(self, now_ns: int) -> bool:
        """Whether a controller is still on its way (`let_go_on`)."""
        return self._goes_on_until_ns is not None and now_ns < self._goes_on_until_ns

    def due_ns(self, now_ns: int, lead: int) -> int:
        """When the command is due that is `lead` ahead."""
        return max(now_ns, self.last_ns + self._period_ns) + (lead - 1) * self._period_ns

    def since_command_ns(self, now_ns: int) -> int:
        """Since the last command, at most a period."""
        return min(max(0, now_ns - self.last_ns), self._period_ns)

    def clock_set(self, by_ns: int) -> None:
        """The clock was set: what was noted of time is on the new one."""
        self.last_ns += by_ns
        self._heard_ns += by_ns
        self._hold_since_ns += by_ns
        if self._goes_on_until_ns is not None:
            self._goes_on_until_ns += by_ns
        self.consumption = Consumption()
        self.consumption.set_rate(self.last_ns, 1.0)
