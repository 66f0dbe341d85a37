"""Robot files: YAML from users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from mutation import POISONS, damaged, poisoned
from numpy.random import Generator

from groot_ros.errors import UserError
from groot_ros.robot.config import load_robot, robot_names, robot_path

ENCODINGS = ("utf-16", "utf-32", "utf-8-sig", "latin-1")
PIECES = ("&a [*a]", "*a", "!!python/name:os.system", "? ", "<<: *a", "[" * 50, "9" * 5000, "0x_")


class Surface:
    refusals = (UserError,)

    def __init__(self, folder: Path) -> None:
        self._path = folder / "robot.yaml"
        self._texts = [robot_path(name).read_text() for name in robot_names()]
        self._trees: list[Any] = [yaml.safe_load(text) for text in self._texts]

    def attack(self, rng: Generator) -> None:
        which = int(rng.integers(len(self._texts)))
        text, kind = self._texts[which], rng.random()
        if kind < 0.6:
            tree = poisoned(self._trees[which], rng, POISONS)
            content = yaml.safe_dump(tree, allow_unicode=False).encode(errors="replace")
        elif kind < 0.85:
            content = damaged(text.encode(), rng)
        elif kind < 0.9:
            content = text.encode(ENCODINGS[rng.integers(len(ENCODINGS))], errors="replace")
        else:
            lines = text.splitlines()
            line = int(rng.integers(len(lines)))
            piece = PIECES[rng.integers(len(PIECES))]
            choices = (lines[line], lines[line].split(":")[0] + ": " + piece, piece)
            lines.insert(int(rng.integers(len(lines))), choices[rng.integers(3)])
            content = "\n".join(lines).encode()
        self._path.write_bytes(content)
        load_robot(self._path)
