"""Every call that changes an executor, with its time.

An executor is a function of its state and of the calls since: it brings no clock and no chance.
So a copy of its state and the calls after it are all that is needed to make its commands again,
bit for bit. Copies are made every few seconds, so that old calls can be forgotten.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.robot.limits import Limits

# Where a dataclass keeps how it was made.
_FROZEN = "__dataclass_params__"

# These take what the calls before them answered, beside the time.
FOLLOWING = ("offer", "commit")

P = ParamSpec("P")
R = TypeVar("R")

COPY_PERIOD_S = 5.0
# What a call takes in memory, about, beside the steps of a chunk.
CALL_BYTES = 500
# A flood of chunks begins a new copy sooner.
PART_BYTES = 8 << 20


Answer = tuple[Any, ...] | str | None
Call = tuple[str, tuple[Any, ...], Answer]
"""A method of the executor, what it was given, and what it answered.

Of `offer` and `commit` only the time is kept: they take what the last `admit` and `offer` said. An
answer is a text where the call refused or raised; value, velocity and closures where it commanded.
Plain tuples, because Python's collector of garbage looks at whatever else is kept, again and
again, and lets nobody work meanwhile.
"""


@dataclass
class TapePiece:
    """Calls in a row; `executor` is what they were made on, a copy as it was at `begun_ns`, where
    the tape begins anew."""

    calls: list[Call] = field(default_factory=list)
    begun_ns: int = 0
    executor: ChunkExecutor | None = None


@dataclass(frozen=True)
class Recording:
    """An executor and all calls from then on; who makes them again changes it."""

    begun_ns: int
    executor: ChunkExecutor
    calls: Sequence[Call]


class Tape:
    """The calls since somebody took them; belongs to whoever guards the executor.

    Nothing is kept before the first copy.
    """

    def __init__(self) -> None:
        self._pieces: list[TapePiece] = []
        self._begun_ns: int | None = None
        self._bytes = 0

    def add(self, call: Call) -> None:
        """A call has been made."""
        if self._begun_ns is not None:
            if not self._pieces:
                self._pieces.append(TapePiece())
            self._pieces[-1].calls.append(call)
            self._bytes += CALL_BYTES + sum(_bytes_of(value) for value in call[1])

    def look(self, executor: ChunkExecutor, now_ns: int) -> None:
        """Copy the executor if that is due; not between the calls that join one chunk."""
        age_s = -1.0 if self._begun_ns is None else (now_ns - self._begun_ns) / 1e9
        if self._bytes > PART_BYTES or not 0.0 <= age_s < COPY_PERIOD_S:
            self.begin(executor, now_ns)

    def begin(self, executor: ChunkExecutor, now_ns: int) -> None:
        """Copy the executor: what came before is not needed for what follows."""
        self._pieces.append(TapePiece(begun_ns=now_ns, executor=untaped(executor)))
        self._begun_ns, self._bytes = now_ns, 0

    def take(self) -> list[TapePiece]:
        """What has come since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces


def _bytes_of(value: Any) -> int:
    if not isinstance(value, Chunk):
        return 0
    knots = value.curve.knots.nbytes if value.curve else 0
    return 2 * knots + sum(array.nbytes for array in value.signals.arrays)


def _taped(
    method: Callable[Concatenate[ChunkExecutor, P], R],
) -> Callable[Concatenate[TapedExecutor, P], R]:
    """The method, kept on the tape where it is called from outside."""

    @wraps(method)
    def call(self: TapedExecutor, *args: P.args, **kwargs: P.kwargs) -> R:
        assert not kwargs, "the tape keeps positional arguments"
        if self.is_called:
            return method(self, *args, **kwargs)
        self.is_called = True
        try:
            answer = method(self, *args, **kwargs)
        except Exception as error:
            self.tape.add((method.__name__, _kept(method.__name__, args), raised(error)))
            raise
        finally:
            self.is_called = False
        self.tape.add((method.__name__, _kept(method.__name__, args), told(answer)))
        return answer

    return cast("Callable[Concatenate[TapedExecutor, P], R]", call)


def _kept(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if name in FOLLOWING:
        return args[-1:]
    return tuple(tuple(arg) if isinstance(arg, list) else arg for arg in args)


def raised(error: Exception) -> str:
    """The answer of a call that did not end in order."""
    return f"{type(error).__name__}: {error}"


def told(answer: Any) -> Answer:
    """What of an answer is kept, and compared when the call is made again."""
    if isinstance(answer, tuple):
        answer = answer[0]
    if isinstance(answer, Setpoint):
        _, *closures = answer.signals.items()
        return answer.value, answer.velocity, tuple((n, float(c)) for n, c in closures)
    return answer if isinstance(answer, str) else None


def timed(calls: Iterable[Call], begun_ns: int) -> Iterator[tuple[int, Call]]:
    """Calls and their times in ns; those that are told none follow the last one."""
    now_ns = begun_ns
    for call in calls:
        # Not a bool, which is one too.
        now_ns = next((arg for arg in reversed(call[1]) if type(arg) is int), now_ns)
        yield now_ns, call


class TapedExecutor(ChunkExecutor):
    """An executor whose tape holds every call that changes it.

    Like any executor it is to be guarded by whoever calls it from several threads, the tape too.
    """

    is_called = False
    """While one of its methods runs that calls others."""

    def __init__(self, limits: Limits, settings: ExecutionSettings) -> None:
        self.tape = Tape()
        super().__init__(limits, settings)

    watch = _taped(ChunkExecutor.watch)
    start_from = _taped(ChunkExecutor.start_from)
    admit = _taped(ChunkExecutor.admit)
    offer = _taped(ChunkExecutor.offer)
    commit = _taped(ChunkExecutor.commit)
    count_refusal = _taped(ChunkExecutor.count_refusal)
    set_speed_scale = _taped(ChunkExecutor.set_speed_scale)
    cancel = _taped(ChunkExecutor.cancel)
    halt = _taped(ChunkExecutor.halt)
    press = _taped(ChunkExecutor.press)
    forgive = _taped(ChunkExecutor.forgive)
    resume = _taped(ChunkExecutor.resume)
    release = _taped(ChunkExecutor.release)
    clock_set = _taped(ChunkExecutor.clock_set)
    measured = _taped(ChunkExecutor.measured)
    setpoint = _taped(ChunkExecutor.setpoint)
    fail = _taped(ChunkExecutor.fail)


TAPED = frozenset(
    name for name, value in vars(TapedExecutor).items() if hasattr(value, "__wrapped__")
)
"""The names of the calls that may be on a tape."""


def untaped(executor: ChunkExecutor) -> ChunkExecutor:
    """A copy as the executor is now, which shares with it what does not change any more.

    Numbers of a running chunk that are only told, such as its largest seam, may be those of later.
    """
    copy = object.__new__(ChunkExecutor)
    for name, value in vars(executor).items():
        if name not in ("tape", "is_called"):
            vars(copy)[name] = _copied(value)
    return copy


def _copied(value: Any) -> Any:
    if isinstance(value, deque):
        return value.copy()
    if isinstance(value, list | set):
        return type(value)(_copied(item) for item in value)
    if not _changes(type(value)):
        return value
    copy = object.__new__(type(value))
    vars(copy).update((name, _copied(field)) for name, field in vars(value).items())
    return copy


def _changes(kind: type) -> bool:
    """Whether objects of a class are changed: those of the executor that are not frozen."""
    if not kind.__module__.startswith("groot_ros.chunks.") or issubclass(kind, Enum):
        return False
    return not (is_dataclass(kind) and getattr(kind, _FROZEN).frozen)
