"""Which events become an incident: the first of their kind, and what comes right after it."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.errors import kind_of_sentence

# An incident holds so much of what came after its first event: the arm is at rest then.
AFTER_S = 1.0
# Events follow one another while there are fewer seconds between them: they are one story.
QUIET_S = 30.0
# Incidents of one story, and events that are named in one incident.
MOST_INCIDENTS, MOST_EVENTS = 8, 50


@dataclass(frozen=True)
class Event:
    """Something went wrong at a time in ns, in words, or was asked for."""

    time_ns: int
    sentence: str
    was_asked_for: bool = False


class Occasions:
    """Gathers events; belongs to whoever owns the black box.

    What repeats itself makes one incident, until it has been quiet for `QUIET_S`.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._incidents = 0
        self._newest_ns = 0
        self._gathered: list[Event] = []

    def note(self, event: Event) -> None:
        """Something went wrong."""
        if not 0 <= event.time_ns - self._newest_ns < QUIET_S * 1e9:
            self._seen.clear()
            self._incidents = 0
        self._newest_ns = event.time_ns
        kind = kind_of_sentence(event.sentence)
        if self._gathered:
            if len(self._gathered) < MOST_EVENTS:
                self._gathered.append(event)
                self._seen.add(kind)
        elif kind not in self._seen and self._incidents < MOST_INCIDENTS:
            self._incidents += 1
            self._gathered = [event]
            self._seen.add(kind)

    def take_due(self, now_ns: int) -> tuple[Event, ...]:
        """The events of an incident that is to be saved now, none while there is none."""
        if not self._gathered or 0 <= now_ns - self._gathered[0].time_ns < AFTER_S * 1e9:
            return ()
        return self.take()

    def take(self) -> tuple[Event, ...]:
        """The events that wait to be saved, at once."""
        gathered, self._gathered = tuple(self._gathered), []
        return gathered
