"""Print the requirements of the files given that this Python has not, nor newer versions of."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def numbers(text: str) -> tuple[int, ...]:
    """1.2.post3 -> (1, 2, 3), which orders versions well enough for final ones."""
    return tuple(int(number) for number in re.findall(r"\d+", text.partition("+")[0]))


def missing(line: str) -> bool:
    """Whether this Python lacks a requirement or has an older version than its first one."""
    name, least = re.split("==|>=", line, maxsplit=1)
    try:
        return numbers(version(name)) < numbers(least.partition(",")[0])
    except PackageNotFoundError:
        return True


if __name__ == "__main__":
    for file in sys.argv[1:]:
        for line in Path(file).read_text().splitlines():
            requirement = line.partition("#")[0].partition(" ")[0].strip()
            if requirement and missing(requirement):
                print(requirement)
