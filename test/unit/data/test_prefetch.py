"""Working ahead in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from groot_ros.data.playback.prefetch import prefetched


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_items_come_in_order_and_the_thread_ends() -> None:
    with prefetched(iter(range(100)), 3) as items:
        assert list(items) == list(range(100))
    assert "prefetch" not in threads()


def test_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("disk is gone")

    taken = []
    with pytest.raises(OSError, match="disk is gone"), prefetched(failing(), 3) as items:
        taken.extend(items)
    assert taken == [1]


def test_who_leaves_early_does_not_leave_the_thread_behind() -> None:
    with pytest.raises(KeyError), prefetched(count(), 3) as items:
        assert next(items) == 0
        raise KeyError
    assert "prefetch" not in threads()


def test_it_never_works_further_ahead_than_allowed() -> None:
    made: list[int] = []

    def making() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    with prefetched(making(), 2) as items:
        for taken in items:
            # One item waits in the queue's door, beside those in the queue.
            assert len(made) <= taken + 1 + 2 + 1 + 1
