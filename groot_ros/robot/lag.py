"""How a robot follows its commands: the section `lag` of its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from groot_ros.files.typed import FileSection, number, positive

LONGEST_S = 10.0
Seconds = Annotated[float, number("s", 0.0, LONGEST_S)]


@dataclass(frozen=True, kw_only=True)
class Lag:
    """A delay and a first-order lag in s, from a command to the motion that it causes.

    A command u of time t makes the arm move from t + `delay_s` on as y' = (u - y) /
    `time_constant_s`. `grip_s` is how long the gripper takes from open to closed; None where the
    file does not say.
    """

    delay_s: float = 0.0
    time_constant_s: float = 0.0
    grip_s: float | None = None

    @property
    def total_s(self) -> float:
        """How far behind its commands the arm is in steady motion."""
        return self.delay_s + self.time_constant_s


class LagKeys(FileSection, frozen=True, kw_only=True):
    """The section `lag`; see Lag."""

    delay: Seconds = 0.0
    time_constant: Seconds = 0.0
    grip: Annotated[float, positive("s")] | None = None

    @property
    def lag(self) -> Lag:
        return Lag(delay_s=self.delay, time_constant_s=self.time_constant, grip_s=self.grip)
