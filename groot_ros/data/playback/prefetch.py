"""An iterator that works ahead in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from queue import Full, Queue
from typing import Any, TypeVar

T = TypeVar("T")

# How often the thread looks whether anybody still wants its items.
PATIENCE_S = 0.1


class _Ended:
    """Marks the end of the items, and the error that caused it."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextmanager
def prefetched(items: Iterator[T], ahead: int) -> Generator[Iterator[T], None, None]:
    """The items of an iterator, up to `ahead` of them made before they are wanted.

    The thread has ended when the context is left, whether or not all items were taken.
    """
    queue: Queue[Any] = Queue(ahead)
    abandoned = threading.Event()

    def put(item: Any) -> bool:
        while not abandoned.is_set():
            try:
                queue.put(item, timeout=PATIENCE_S)
                return True
            except Full:
                continue
        return False

    def produce() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:
            put(_Ended(error))
        else:
            put(_Ended())

    def consume() -> Iterator[T]:
        while not isinstance(item := queue.get(), _Ended):
            yield item
        if item.error:
            raise item.error

    thread = threading.Thread(target=produce, name="prefetch")
    thread.start()
    try:
        yield consume()
    finally:
        abandoned.set()
        thread.join()
