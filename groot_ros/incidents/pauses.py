"""Pauses in long work, so that other threads of the process get on with theirs."""

from __future__ import annotations

import threading
import time

# Whoever waits for the interpreter waits for a part of the first, in that share of the time.
WORK_S, PAUSE_S = 0.001, 0.004


class Pauses:
    """One thread works and calls `breathe` now and then; others say whether it may."""

    def __init__(self) -> None:
        self._hurry = threading.Event()
        self._since_s = 0.0

    def breathe(self) -> None:
        """A small piece of work is done; a pause, if one is due and nobody is in a hurry."""
        if time.monotonic() - self._since_s > WORK_S:
            self._hurry.wait(PAUSE_S)
            self._since_s = time.monotonic()

    def hurry(self, is_wanted: bool) -> None:
        """Without pauses from now on, or with them."""
        if is_wanted:
            self._hurry.set()
        else:
            self._hurry.clear()
