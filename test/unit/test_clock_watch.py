"""A clock that is set is noticed, one that is late or slewed is not."""

from __future__ import annotations

from groot_ros.timing.clock_watch import ClockWatch

S = 1_000_000_000


class Clocks:
    """A clock and a steady one, and what happens between two readings."""

    def __init__(self) -> None:
        self.steady_ns, self.ahead_ns, self.preempted_ns = 7 * S, 1_795_000_000 * S, 0

    def steady(self) -> int:
        self.steady_ns += 1000
        return self.steady_ns

    def clock(self) -> int:
        self.steady_ns += self.preempted_ns
        self.preempted_ns = 0
        return self.steady_ns + self.ahead_ns


def test_only_a_clock_that_is_set_jumps() -> None:
    clocks = Clocks()
    watch = ClockWatch(clocks.clock, clocks.steady)
    assert watch.read()[1] == 0
    for pause_ns in (S // 100, 3 * S, 3600 * S):
        clocks.steady_ns += pause_ns
        clocks.ahead_ns += 1_000_000
        assert watch.read()[1] == 0
    for jump_ns in (S, -S, 5_000_000, -5_000_000):
        clocks.ahead_ns += jump_ns
        now_ns, found_ns = watch.read()
        assert (
            abs(found_ns - jump_ns) < 10_000
            and now_ns == clocks.steady_ns - 1000 + clocks.ahead_ns
        )
        assert watch.read()[1] == 0


def test_a_process_that_is_held_up_between_two_readings_sees_no_jump() -> None:
    clocks = Clocks()
    watch = ClockWatch(clocks.clock, clocks.steady)
    watch.read()
    clocks.preempted_ns = S // 10
    assert watch.read()[1] == 0
