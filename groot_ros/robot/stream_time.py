"""By which time a stream of a robot counts, and how old it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from groot_ros.files.typed import FileSection, Misfit, number, positive

STATE_MAX_AGE_S = 0.2
# By which time a stream counts.
HEADER, ARRIVAL = "header", "arrival"
Clock = Literal["header", "arrival"]
MaxAge = Annotated[float, positive("s")]


@dataclass(frozen=True)
class StreamTime:
    """The clock of a stream: a message describes the state `latency_s` before the stamp of its
    header or its arrival."""

    clock: str = HEADER
    latency_s: float = 0.0

    def of(self, header_ns: int, arrival_ns: int) -> int:
        """The time in ns; 0 where the header, which counts, has none."""
        time_ns = arrival_ns if self.clock == ARRIVAL else header_ns
        return time_ns - round(self.latency_s * 1e9) if time_ns else 0


class TimeKeys(FileSection, frozen=True, kw_only=True):
    """When messages of a stream count; see StreamTime."""

    clock: Clock | None = None
    latency: Annotated[float, number("s", 0.0, 10.0)] = 0.0

    @property
    def is_stamped(self) -> bool:
        """Whether its messages have a header."""
        return True

    def __post_init__(self) -> None:
        if self.clock == HEADER and not self.is_stamped:
            raise Misfit("is header, expected arrival: its messages carry no time", "clock")

    @property
    def time(self) -> StreamTime:
        return StreamTime(self.clock or (HEADER if self.is_stamped else ARRIVAL), self.latency)


class StateStreamKeys(TimeKeys, frozen=True, kw_only=True):
    """Keys of a stream of the robot's state."""

    max_age: MaxAge = STATE_MAX_AGE_S
