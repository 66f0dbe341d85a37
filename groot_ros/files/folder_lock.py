"""Files and folders that only one process works in at a time."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO, Any

from groot_ros.errors import UserError

LOCK = "lock"


def lock(file: IO[Any]) -> bool:
    """Hold a file until it is closed; False where another process holds it.

    The kernel frees the lock of a process that died, however it died. On a disk that cannot lock
    nothing is held.
    """
    try:
        flock(file.fileno(), LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Not every network disk can lock.
        pass
    return True


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder that exists until the end; UserError names the process that holds it."""
    with (folder / LOCK).open("a+") as file:
        if not lock(file):
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise UserError(
                f"{folder} is being written by {owner}: wait until it is done, or end it"
            )
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


@contextmanager
def waiting_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for an instant, after whoever holds it in the same way; leaves no file."""
    held = os.open(folder, os.O_RDONLY)
    try:
        # Not every network disk can lock.
        with suppress(OSError):
            flock(held, LOCK_EX)
        yield
    finally:
        os.close(held)
