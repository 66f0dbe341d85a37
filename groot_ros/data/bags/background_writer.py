"""The thread that writes bags, so that a slow disk does not stop messages from being taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

from groot_ros.data.bags.metadata import Topic
from groot_ros.data.bags.writer import BagWriter

# What a killed process can lose at most.
FLUSH_PERIOD_S = 0.25


class BackgroundBag:
    """A bag on the background thread; `failure` says why no more is written, if so."""

    def __init__(self, path: Path, compress: bool = False) -> None:
        self.path = path
        self.failure = ""
        self.writer: BagWriter | None = None
        self._compress = compress

    @property
    def bytes(self) -> int:
        return self.writer.bytes if self.writer else 0

    def open(self) -> BagWriter:
        self.writer = BagWriter(self.path, self._compress)
        return self.writer


Message = tuple[BackgroundBag, Topic, int, int, bytes]


class BackgroundWriter:
    """Writes messages and does other work on bags, in the order in which they came.

    Only this thread touches a bag's writer. At most `buffer_bytes` of messages wait for the disk.
    """

    def __init__(self, buffer_bytes: int) -> None:
        self._buffer_bytes = buffer_bytes
        self._queue: SimpleQueue[Message | Callable[[], None] | None] = SimpleQueue()
        # Two counters because each must be changed by one thread alone.
        self._accepted_bytes = self._written_bytes = 0
        self._open: set[BackgroundBag] = set()
        self._thread = threading.Thread(target=self._run, name="bag writer", daemon=True)
        self._thread.start()

    @property
    def buffered_bytes(self) -> int:
        """Bytes of messages that wait for the disk."""
        return self._accepted_bytes - self._written_bytes

    def write(
        self, bag: BackgroundBag, topic: Topic, log_ns: int, publish_ns: int, data: bytes
    ) -> bool:
        """Hand over a message; False when the buffer is full because the disk is too slow."""
        if self.buffered_bytes + len(data) > self._buffer_bytes:
            return False
        self._accepted_bytes += len(data)
        self._queue.put((bag, topic, log_ns, publish_ns, data))
        return True

    def open(self, bag: BackgroundBag, custom_data: dict[str, str]) -> None:
        """Create a bag."""

        def work() -> None:
            self._open.add(bag)
            bag.open().annotate(custom_data)

        self.submit(bag, work)

    def submit(self, bag: BackgroundBag, work: Callable[[], None]) -> None:
        """Do something with a bag; what it raises becomes its failure."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:
                # Whatever it is: the next bag wants this thread.
                self._fail(bag, error)

        self._queue.put(guarded)

    def release(self, bag: BackgroundBag, work: Callable[[], None]) -> None:
        """Do something with a bag that is written no more."""

        def last() -> None:
            self._open.discard(bag)
            work()

        self.submit(bag, last)

    def close(self, timeout_s: float) -> bool:
        """Finish what was handed over; False when it takes longer than `timeout_s`."""
        self._queue.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        flushed_s = time.monotonic()
        while True:
            try:
                item = self._queue.get(timeout=FLUSH_PERIOD_S)
            except Empty:
                item = self._flush
            if item is None:
                return
            if isinstance(item, tuple):
                self._write(*item)
            else:
                item()
            if time.monotonic() - flushed_s > FLUSH_PERIOD_S:
                self._flush()
                flushed_s = time.monotonic()

    def _write(
        self, bag: BackgroundBag, topic: Topic, log_ns: int, publish_ns: int, data: bytes
    ) -> None:
        if bag.writer and not bag.failure:
            try:
                if not bag.writer.knows(topic.name):
                    bag.writer.add_topic(topic)
                bag.writer.write(topic.name, log_ns, publish_ns, data)
            except OSError as error:
                self._fail(bag, error)
        self._written_bytes += len(data)

    def _flush(self) -> None:
        for bag in tuple(self._open):
            try:
                if bag.writer:
                    bag.writer.flush()
            except OSError as error:
                self._fail(bag, error)

    def _fail(self, bag: BackgroundBag, error: Exception) -> None:
        is_expected = isinstance(error, OSError | ValueError)
        reason = error if is_expected else f"{type(error).__name__}: {error}"
        bag.failure = bag.failure or f"{bag.path.name} cannot be written: {reason}"
        self._open.discard(bag)
