"""The process that keeps what an executor tells it, and saves incidents.

It ends when the executor's pipe does, however that came about, once all is written.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from threading import Lock

from groot_ros.incidents.black_box import BlackBox, Saved
from groot_ros.incidents.frames import calls

# Whoever commands, infers or records goes first.
NICENESS = 5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Answers:
    """A line of JSON for each incident that was saved or not; several threads may say one."""

    def __init__(self) -> None:
        # What else is printed must not get among them.
        self._pipe = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._lock = Lock()

    def tell(self, saved: Saved) -> None:
        """Nobody may be there to hear it any more."""
        line = json.dumps(asdict(saved)) + "\n"
        with self._lock, suppress(BrokenPipeError):
            os.write(self._pipe, line.encode())


def main() -> int:
    """Entry point: what standard input says, to its end."""
    for number in STOP_SIGNALS:
        # They are for the executor, which ends this process with the pipe.
        signal.signal(number, signal.SIG_IGN)
    # The executor held them back until here. A group of its own does not hear the keys of a
    # terminal; a session of its own would be scheduled as if it was as important as all others
    # together.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    os.setpgid(0, 0)
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    answers = Answers()
    told = calls(sys.stdin.buffer)
    _, setup = next(told)
    box = BlackBox(setup, answers.tell)
    for name, *arguments in told:
        getattr(box, name)(*arguments)
    box.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
