"""Reasons of stops, and the condition under which motion may continue."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum


class StopReason(Enum):
    """A reason to stop, with its description for the operator."""

    STARVED = "no new chunk came in time"
    CANCELLED = "the policy ended the motion"
    CLOCK = "the clock jumped or the executor was frozen"
    STALE = "the robot's state is too old"
    UNFAMILIAR = "the policy is far from what it was trained on"
    POLICY_GONE = "nothing was heard from the policy"
    REJECTED = "too many chunks in a row were rejected"
    FLOOD = "chunks came faster than any policy makes them"
    FAULT = "the robot reports a fault"
    ESTOP = "the emergency stop was pressed"
    ASTRAY = "the robot does not follow"
    GOVERNED = "the motion led beyond the limits"
    DEACTIVATED = "the executor was deactivated"
    FAILED = "the executor ran into an error"
    TAKEN_OVER = "the operator takes over"
    SILENT = "the operator's device is silent"
    HANDED_BACK = "the operator has handed back"
    GOES_HOME = "the arm is sent home"
    AT_HOME = "the arm is home"

    @property
    def needs_resume(self) -> bool:
        """Whether an operator has to call resume before the arm moves again."""
        return self in LATCHED

    @property
    def ends_commanding(self) -> bool:
        """Whether commands cease once the motion is at rest, because the robot's state or its
        following of commands is unknown."""
        return self in (StopReason.STALE, StopReason.ASTRAY)

    @property
    def was_asked_for(self) -> bool:
        """Whether it is a regular end of a run or of a turn."""
        return self in ASKED_FOR


LATCHED = {
    StopReason.POLICY_GONE,
    StopReason.REJECTED,
    StopReason.FLOOD,
    StopReason.FAULT,
    StopReason.ESTOP,
    StopReason.FAILED,
}

ASKED_FOR = {
    StopReason.CANCELLED,
    StopReason.DEACTIVATED,
    StopReason.TAKEN_OVER,
    StopReason.HANDED_BACK,
    StopReason.GOES_HOME,
    StopReason.AT_HOME,
}

KEPT_NEWS = 16


class Activity(Enum):
    """What the executor is doing."""

    IDLE = "idle"
    EXECUTING = "executing"
    STOPPING = "stopping"
    HOLDING = "holding"


@dataclass(frozen=True)
class Stop:
    """A stop that has begun: its reason in a sentence, and whether the arm was moving."""

    reason: StopReason
    sentence: str
    was_moving: bool


@dataclass
class StopMachine:
    """Keeps the reason of a stop until the motion continues.

    A reason that needs a resume replaces one that does not; otherwise the first one is kept.
    `pressed` are lasting conditions such as the emergency stop; resume is refused during one.
    """

    reason: StopReason | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        self.is_lost = False
        """Whether a reason of this stop `ends_commanding`, also one that came later."""
        self._pressed: set[StopReason] = set()
        self._news: deque[Stop] = deque(maxlen=KEPT_NEWS)

    @property
    def blocked(self) -> bool:
        """Whether chunks are refused until resume is called."""
        return self.reason is not None and self.reason.needs_resume

    @property
    def sentence(self) -> str:
        """The reason in words for the operator, empty without a stop."""
        if self.reason is None:
            return ""
        detail = f": {self.detail}" if self.detail else ""
        remedy = "; call ~/resume to go on" if self.blocked else ""
        return f"stopped, {self.reason.value}{detail}{remedy}"

    def stop(self, reason: StopReason, detail: str = "", was_moving: bool = True) -> None:
        """Report a reason to stop; it is kept as the rule of the class says."""
        self.is_lost = self.is_lost or reason.ends_commanding
        if self.reason is None or (reason.needs_resume and not self.blocked):
            self.reason, self.detail = reason, detail
            self._news.append(Stop(reason, self.sentence, was_moving))

    def take_news(self) -> list[Stop]:
        """All stops since the last call, those that are over included."""
        news = list(self._news)
        self._news.clear()
        return news

    def press(self, reason: StopReason, pressed: bool) -> None:
        """Set or clear a lasting condition."""
        if pressed:
            self._pressed.add(reason)
            self.stop(reason)
        else:
            self._pressed.discard(reason)

    def moving(self) -> None:
        """Record the start of a motion, which clears a reason that needs no resume."""
        self.is_lost = False
        if not self.blocked:
            self.reason, self.detail = None, ""

    def resume(self) -> str | None:
        """Clear the reason; why that is refused while a condition lasts."""
        if self._pressed:
            names = " and ".join(sorted(reason.value for reason in self._pressed))
            return f"not resumed: {names}"
        self.reason, self.detail = None, ""
        return None
