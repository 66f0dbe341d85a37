"""The tasks of the simulated robot and when they are done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from groot_ros.errors import UserError
from groot_ros.sim.scene import CUBE_COLORS, CUBE_SIZE_M

Kind = Literal["reach", "pick"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Of instructions, besides what is to be done and with which cube.
OTHER_WORDS = ("up", "the", "a", "cube")
VERBS: dict[Kind, str] = {"reach": "reach the {} cube", "pick": "pick up the {} cube"}

REACH_RADIUS_M = 0.02
REACH_HOLD_S = 0.2
LIFT_M = 0.05
LIFT_HOLD_S = 0.5
IN_HAND_M = 0.03


@dataclass(frozen=True)
class Task:
    """What to do with the cube of one color."""

    kind: Kind
    color: str = "red"

    @property
    def instruction(self) -> str:
        """The task in words."""
        return VERBS[self.kind].format(self.color)

    @classmethod
    def parse(cls, instruction: str) -> Task:
        """The task that an instruction means; UserError for words that name none.

        A verb alone ("pick") is enough where the red cube is meant. A name that nothing here has
        ("pick up the purple cube") is refused: to take the red one would be a guess.
        """
        words = instruction.lower().replace(".", " ").split()
        unknown = [w for w in words if w not in (*KINDS, *CUBE_COLORS, *OTHER_WORDS)]
        kinds = [kind for kind in KINDS if kind in words]
        colors = [color for color in CUBE_COLORS if color in words] or ["red"]
        if len(kinds) != 1 or len(colors) != 1 or unknown:
            why = f": it does not know {unknown[0]!r}" if unknown else ""
            raise UserError(
                f"instruction {instruction!r} is no task of the simulated robot{why}; expected "
                f"one of {[Task(kind).instruction for kind in KINDS]}, with any color of "
                f"{list(CUBE_COLORS)}"
            )
        return cls(kinds[0], colors[0])


@dataclass(frozen=True)
class Change:
    """Another task, from a time since the reset on."""

    time_s: float
    task: Task


class SuccessTest:
    """Watches the true state of a scene; once a task has succeeded it stays so."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.succeeded = False
        self._held_s = 0.0

    def update(self, tcp: ArrayLike, cube: ArrayLike, duration_s: float) -> None:
        """Take in positions (3,) of the tool center point and the cube's center in m.

        `duration_s` is the time since the last update.
        """
        holds, hold_s = _CONDITIONS[self.task.kind]
        held = holds(np.asarray(tcp), np.asarray(cube))
        self._held_s = self._held_s + duration_s if held else 0.0
        self.succeeded |= self._held_s >= hold_s


def _reached(tcp: np.ndarray, cube: np.ndarray) -> bool:
    top = cube + (0.0, 0.0, CUBE_SIZE_M / 2)
    return bool(np.linalg.norm(tcp - top) <= REACH_RADIUS_M)


def _lifted(tcp: np.ndarray, cube: np.ndarray) -> bool:
    in_hand = np.linalg.norm(tcp - cube) <= IN_HAND_M
    return bool(in_hand and cube[2] - CUBE_SIZE_M / 2 >= LIFT_M)


_CONDITIONS = {"reach": (_reached, REACH_HOLD_S), "pick": (_lifted, LIFT_HOLD_S)}
