"""How a robot follows its commands: the section `lag` of its file."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.robot.section import Section

LONGEST_S = 10.0


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


def read_lag(section: Section) -> Lag:
    """The lag of a robot; UserError names a mistake."""

    def seconds(key: str) -> float:
        return section.number(key, "s", 0.0, LONGEST_S) if key in section else 0.0

    lag = Lag(
        delay_s=seconds("delay"),
        time_constant_s=seconds("time_constant"),
        grip_s=section.positive("grip", "s") if "grip" in section else None,
    )
    section.finish()
    return lag
