"""Single keys from a terminal, or from whatever is piped in."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def single_keys() -> Iterator[None]:
    """Keys of a terminal arrive without Enter and are not shown."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def pressed(timeout_s: float, at_end: str = "") -> str:
    """The key that is pressed within a time, or an empty string; `at_end` where there will be no
    more."""
    number = sys.stdin.fileno()
    if not select.select([number], [], [], timeout_s)[0]:
        return ""
    return os.read(number, 1).decode(errors="replace") or at_end
