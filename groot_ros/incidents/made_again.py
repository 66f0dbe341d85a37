"""An incident's commands made again from what the executor was given."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.errors import UserError
from groot_ros.incidents.course import Course, Mark
from groot_ros.incidents.tape import Answer, Recording, timed, untaped
from groot_ros.incidents.tape_player import Played, play
from groot_ros.sim.rehearsal.result import ChunkOutcome, Stop


@dataclass
class MadeAgain:
    """The recorded course, the commands as they are now, and how many answers of the executor
    differ in any bit."""

    recorded: Course
    again: Course
    different: int = 0


def make_again(recording: Recording) -> MadeAgain:
    """Make all calls of a recording again; UserError for one that leads nowhere."""
    try:
        return _Maker(replace(recording, executor=untaped(recording.executor))).made()
    except Exception as error:
        # What the calls raised is an answer of theirs; this is a state that no executor has.
        raise UserError(
            f"the recording cannot be played ({type(error).__name__}: {error}): take another copy "
            "of the incident, or the version of groot_ros that incident.json names"
        ) from error


@dataclass
class _Maker:
    recording: Recording
    outcomes: list[ChunkOutcome] = field(default_factory=list)
    newest: dict[int, ChunkOutcome] = field(default_factory=dict)
    """By the chunk's id: another policy counts from 1, too."""
    now_ns: int = 0

    def made(self) -> MadeAgain:
        executor = self.recording.executor
        signal = executor.settings.signal
        made = MadeAgain(Course(signal), Course(signal))
        self.now_ns = self.recording.begun_ns
        executor.stops.take_news()
        executor.take_ended()
        times = timed(self.recording.calls, self.now_ns)
        for (now_ns, _), played in zip(times, play(self.recording), strict=True):
            self.now_ns = now_ns
            made.different += not played.is_same
            self._take(played, made)
            self._look(executor, made.recorded)
        executor.release(self.now_ns)
        self._look(executor, made.recorded)
        made.recorded.tell_chunks(self.outcomes)
        return made

    def _take(self, played: Played, made: MadeAgain) -> None:
        name, args, answer = played.call
        if isinstance(answer, tuple):
            made.recorded.commands.append((self.now_ns, _setpoint(made.recorded, answer)))
            if isinstance(played.answer, tuple):
                made.again.commands.append((self.now_ns, _setpoint(made.again, played.answer)))
        elif name == "measured":
            made.recorded.measured.append((self.now_ns, args[0]))
        elif name == "admit":
            self._admitted(args[0], args[1])
            self._answered(answer)
        elif name in ("offer", "commit"):
            self._answered(answer)
        elif name == "count_refusal" and args[0] and not self._is_told(args[0]):
            made.recorded.marks.append(Mark(self.now_ns, "refused", args[0]))

    def _admitted(self, chunk_id: int, chunk: Chunk) -> None:
        outcome = ChunkOutcome(chunk, self.now_ns)
        self.newest[chunk_id] = outcome
        self.outcomes.append(outcome)

    def _answered(self, answer: Answer) -> None:
        """What was answered last counts: what came too late is tried again."""
        if self.outcomes:
            self.outcomes[-1].refused = answer if isinstance(answer, str) else ""

    def _is_told(self, reason: str) -> bool:
        """Whether the chunk was seen before it was refused."""
        return bool(self.outcomes) and self.outcomes[-1].refused == reason

    def _look(self, executor: ChunkExecutor, course: Course) -> None:
        for stop in executor.stops.take_news():
            course.stops.append(Stop(self.now_ns, stop.sentence))
        for execution in executor.take_ended():
            if outcome := self.newest.get(execution.chunk_id):
                outcome.rate, outcome.limited_by = execution.rate, execution.limited_by


def _setpoint(course: Course, answer: tuple[Any, ...]) -> Setpoint:
    value, velocity, closures = answer
    return Setpoint.of(course.signal, value, dict(closures), velocity)
