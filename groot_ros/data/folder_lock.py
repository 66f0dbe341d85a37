"""A folder that only one run works in at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from groot_ros.errors import UserError

LOCK = "lock"


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder that exists until the end; UserError names the process that holds it already.

    The kernel frees the lock of a process that died, however it died. On a disk that cannot lock
    nothing is held.
    """
    with (folder / LOCK).open("a+") as file:
        try:
            flock(file.fileno(), LOCK_EX | LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise UserError(
                f"{folder} is being written by {owner}: wait until it is done, or end it"
            ) from None
        except OSError:
            # Not every network disk can lock.
            pass
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield
