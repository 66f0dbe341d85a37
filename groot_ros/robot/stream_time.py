"""By which time a stream of a robot counts, and how old it may be."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.robot.section import Section

STATE_MAX_AGE_S = 0.2
# By which time a stream counts.
HEADER, ARRIVAL = "header", "arrival"
CLOCKS = (HEADER, ARRIVAL)


@dataclass(frozen=True)
class StreamTime:
    """When what a message says was so: `latency_s` before the time of its `clock`, the stamp of
    its header or its arrival."""

    clock: str = HEADER
    latency_s: float = 0.0

    def of(self, header_ns: int, arrival_ns: int) -> int:
        """The time in ns; 0 where the header, which counts, has none."""
        time_ns = arrival_ns if self.clock == ARRIVAL else header_ns
        return time_ns - round(self.latency_s * 1e9) if time_ns else 0


def read_time(section: Section, is_stamped: bool = True) -> StreamTime:
    default = HEADER if is_stamped else ARRIVAL
    clock = section.choice("clock", CLOCKS) if "clock" in section else default
    if clock == HEADER and not is_stamped:
        raise section.error("clock", "is header, expected arrival: its messages carry no time")
    return StreamTime(clock, read_latency_s(section))


def read_latency_s(section: Section) -> float:
    return section.number("latency", "s", 0.0, 10.0) if "latency" in section else 0.0


def read_max_age_s(section: Section, default: float) -> float:
    return section.positive("max_age", "s") if "max_age" in section else default
