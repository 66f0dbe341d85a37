"""Whom the executor follows, and what is void."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.chunks.execution.activations import (
    MOST_EPOCHS_AHEAD,
    NOBODY,
    REMEMBERED,
    FollowedActivation,
)

S = 1_000_000_000
A, B = b"a" * 16, b"b" * 16
WATCHDOG_S = 1.0


@dataclass(frozen=True)
class Message:
    """A chunk of an activation, or with `steps` False the end of what it made before an epoch."""

    activation: bytes
    epoch: int
    steps: bool = True
    released: bool = False


class Executor:
    """The rules as the node uses them; `moves` is the (activation, epoch) that moves the arm."""

    def __init__(self) -> None:
        self.following = FollowedActivation()
        self.moves: tuple[bytes, int] | None = None
        self.eras: list[int] = []

    def hear(self, message: Message, now_ns: int = 0) -> str | None:
        following, sender = self.following, (message.activation, message.epoch)
        following.look(now_ns, self.moves is None, WATCHDOG_S)
        if reason := following.refusal(*sender, now_ns) or following.far(*sender):
            return reason
        if message.steps:
            self.eras.append(following.era_of(*sender))
            following.follow(*sender, now_ns)
            assert following.era == self.eras[-1]
            self.moves = sender
            return None
        if following.cancel(*sender, message.released):
            self.moves = None
        return None


def following(*messages: Message) -> Executor:
    executor = Executor()
    for message in messages:
        assert executor.hear(message) is None
    return executor


def test_the_first_one_is_followed_and_others_are_refused_by_name() -> None:
    executor = following(Message(A, 7))
    reason = executor.hear(Message(B, 900))
    assert reason == (
        "activation 62626262 is not the one that is followed, 61616161: stop all policies but one"
    )
    assert "not the one" in str(executor.hear(Message(B, 900, steps=False, released=True)))
    assert executor.moves == (A, 7) and executor.following.epoch == 7


def test_a_chunk_without_an_activation_is_refused() -> None:
    assert "names no activation" in str(Executor().hear(Message(NOBODY, 1)))


@pytest.mark.parametrize(
    "end",
    [Message(A, 8, steps=False, released=True), Message(A, 7, steps=False, released=True)],
)
def test_after_a_release_another_one_is_followed(end: Message) -> None:
    executor = following(Message(A, 7), end)
    assert executor.moves is None and executor.following.activation == NOBODY
    assert executor.hear(Message(A, 9)) == "activation 61616161 has ended"
    assert executor.hear(Message(B, 1)) is None
    assert executor.moves == (B, 1)


def test_a_policy_that_is_silent_is_followed_until_nothing_is_commanded() -> None:
    executor = following(Message(A, 7))
    assert executor.hear(Message(B, 1), 5 * S), "the arm still moves"
    executor.moves = None
    assert executor.hear(Message(B, 1), 5 * S) is None
    assert executor.hear(Message(A, 7), 5 * S), "now it is the other one that is refused"


def test_a_policy_whose_chunks_are_refused_is_not_gone() -> None:
    executor = following(Message(A, 7))
    executor.moves = None
    executor.following.refusal(A, 7, 5 * S)
    assert executor.hear(Message(B, 1), 5 * S + S // 2)


@pytest.mark.parametrize("steps", [True, False])
def test_a_far_epoch_changes_nothing(steps: bool) -> None:
    executor = following(Message(A, 7))
    assert "is far ahead, now it is 7" in str(executor.hear(Message(A, 2**32 - 1, steps)))
    assert executor.moves == (A, 7)
    assert executor.hear(Message(A, 8)) is None
    assert executor.hear(Message(A, 8 + MOST_EPOCHS_AHEAD)) is None


def test_a_far_epoch_of_a_stranger_does_not_void_anybody() -> None:
    executor = following(Message(B, 2**32 - 1, steps=False))
    assert executor.following.activation == NOBODY
    assert executor.hear(Message(A, 7)) is None
    assert executor.moves == (A, 7)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_end_of_an_epoch_and_its_first_chunk_may_come_in_any_order(
    order: tuple[int, ...],
) -> None:
    """Once all has arrived the arm follows the newest epoch, however it came."""
    late = [Message(A, 7), Message(A, 8, steps=False), Message(A, 8)]
    executor = following(Message(A, 6))
    for index in order:
        executor.hear(late[index])
    assert executor.moves == (A, 8)
    assert executor.hear(Message(A, 7)) == "epoch 7 is over, now it is 8"


messages = st.builds(
    Message,
    st.sampled_from([A, B, b"c" * 16, NOBODY]),
    st.one_of(st.integers(0, 5), st.sampled_from([2**32 - 1, 2**31])),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(st.tuples(messages, st.integers(-S, 3 * S), st.booleans()), max_size=40))
def test_whatever_comes_the_order_among_policies_holds(
    heard: list[tuple[Message, int, bool]],
) -> None:
    executor, now_ns = Executor(), 0
    for message, passed_ns, rests in heard:
        now_ns += passed_ns
        executor.moves = None if rests else executor.moves
        before = executor.moves
        reason = executor.hear(message, now_ns)
        assert reason is None or executor.moves == before, "what is refused changes nothing"
        if executor.moves is not None:
            assert executor.following.activation == executor.moves[0]
            assert executor.following.epoch == executor.moves[1]
        if before and executor.moves and before != executor.moves:
            assert before[0] == executor.moves[0] and before[1] < executor.moves[1]
    assert executor.eras == sorted(executor.eras)


def test_it_remembers_a_bounded_number_of_activations() -> None:
    executor = following(Message(A, 7))
    executor.moves = None
    for index in range(1000):
        stranger = index.to_bytes(16, "big")[::-1]
        executor.following.look(index * 5 * S, True, WATCHDOG_S)
        executor.following.cancel(stranger, 1, released=index % 2 == 0)
    assert len(executor.following._epochs) <= REMEMBERED
    assert len(executor.following._released) <= REMEMBERED
