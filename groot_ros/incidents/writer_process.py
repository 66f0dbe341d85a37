"""The executor's end of the process that keeps what it tells."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator

from groot_ros.errors import UserError
from groot_ros.incidents.black_box import Saved, Setup
from groot_ros.incidents.frames import ToldCall, frame
from groot_ros.incidents.writer import STOP_SIGNALS

# As much as an unprivileged process may ask for: a picture fits.
PIPE_BYTES = 1 << 20
# What may wait for a process that is slow: pictures and messages are left out beyond the first,
# beyond the second it is given up.
MOST_WAITING_BYTES, MOST_BYTES = 16 << 20, 64 << 20
ANSWER_BYTES = 1 << 16


class WriterProcess:
    """Tells a process of its own what to keep; never waits for it but in `close`.

    One thread uses it. What is said waits until `push`; pictures wait for everything else.
    `broken` says why nothing is kept any more, if so; `left_out` counts messages.
    """

    def __init__(self, setup: Setup) -> None:
        """UserError where no process can be started."""
        command = [sys.executable, "-m", "groot_ros.incidents.writer"]
        try:
            with _held_signals():
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
                )
        except OSError as error:
            raise UserError(
                f"the black box cannot be started ({error.strerror}): set black_box to false, or "
                "free memory"
            ) from error
        assert self._process.stdin and self._process.stdout
        self._pipe, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        os.set_blocking(self._pipe, False)
        os.set_blocking(self._answers, False)
        self._calls: list[ToldCall] = []
        self._small: deque[list[bytes]] = deque()
        self._pictures: deque[list[bytes]] = deque()
        self._begun: deque[bytes | memoryview] = deque()
        self._small_bytes = self._picture_bytes = 0
        self._heard = b""
        self.broken = ""
        self.left_out = self._left_out_untold = self._told_bytes = 0
        self.tell("setup", setup)

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, *call: object) -> None:
        """Say a call of `BlackBox`: its name and arguments."""
        self._calls.append(call)

    @property
    def is_behind(self) -> bool:
        """Whether so much waits that the rest should be left out."""
        return self._small_bytes + self._told_bytes > MOST_WAITING_BYTES

    def tell_message(self, topic: str, now_ns: int, data: bytes) -> None:
        """A message to be kept, or to be left out where too much waits already."""
        self._tell_large("keep", topic, now_ns, data)

    def tell_packet(self, topic: str, now_ns: int, data: bytes) -> None:
        """A packet of video, the same."""
        self._tell_large("keep_packet", topic, now_ns, data)

    def _tell_large(self, name: str, topic: str, now_ns: int, data: bytes) -> None:
        if self.is_behind:
            self._leave_out()
        else:
            self._told_bytes += len(data)
            self.tell(name, topic, now_ns, data)

    def _leave_out(self) -> None:
        self.left_out += 1
        self._left_out_untold += 1

    def tell_picture(self, topic: str, now_ns: int, data: bytes) -> None:
        """A picture to be kept, or to be left out where too many wait already."""
        if self.broken or self._picture_bytes + len(data) > MOST_WAITING_BYTES:
            self._leave_out()
            return
        self._picture_bytes += len(data)
        self._pictures.append(frame([("keep_picture", topic, now_ns)], data))

    def push(self) -> bool:
        """Hand over what the process takes now; whether that was all."""
        if self._left_out_untold:
            self.tell("left_out", self._left_out_untold)
        if self._calls and not self.broken:
            parts = frame(self._calls)
            self._small.append(parts)
            self._small_bytes += sum(map(len, parts))
        self._calls, self._told_bytes, self._left_out_untold = [], 0, 0
        try:
            while not self.broken and self._begin():
                part = self._begun.popleft()
                try:
                    written = os.write(self._pipe, part)
                except BlockingIOError:
                    written = 0
                if written < len(part):
                    self._begun.appendleft(memoryview(part)[written:])
                    break
        except OSError as error:
            self._break(f"its process has ended ({error.strerror})")
        if self._small_bytes > MOST_BYTES:
            self._break("its process does not keep up")
        return not self._begun

    def _begin(self) -> bool:
        """Whether there is something to be handed over; what was begun goes first."""
        if not self._begun and self._small:
            self._begun.extend(parts := self._small.popleft())
            self._small_bytes -= sum(map(len, parts))
        elif not self._begun and self._pictures:
            self._begun.extend(parts := self._pictures.popleft())
            self._picture_bytes -= len(parts[-1])
        return bool(self._begun)

    def _break(self, reason: str) -> None:
        self.broken = reason
        self._small.clear()
        self._pictures.clear()
        self._begun.clear()
        self._small_bytes = self._picture_bytes = 0

    def take_saved(self) -> list[Saved]:
        """What it has saved since the last call, or has not."""
        assert self._process.stdout
        if self._process.stdout.closed:
            return []
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._answers, ANSWER_BYTES):
                self._heard += data
            # It has ended: nothing more is said.
            self._process.stdout.close()
        *lines, self._heard = self._heard.split(b"\n")
        return [Saved(**json.loads(line)) for line in lines]

    def close(self, timeout_s: float) -> bool:
        """Say no more; whether it has ended within the time. Otherwise it ends by itself, as soon
        as all is written."""
        deadline_s = time.monotonic() + timeout_s
        self._pictures.clear()
        while not self.push() and (left_s := deadline_s - time.monotonic()) > 0:
            select.select([], [self._pipe], [], left_s)
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(max(deadline_s - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            # A process that has ended goes when somebody has waited for it.
            threading.Thread(target=self._process.wait, daemon=True).start()
            return False
        return True


@contextlib.contextmanager
def _held_signals() -> Iterator[None]:
    """A process that is started meanwhile is not ended by Ctrl-C before it ignores that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
