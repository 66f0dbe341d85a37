"""The inference loop with a policy that does what the test says."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from groot_ros.buffer import Ages, NotReady
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.progress import Prefix
from groot_ros.codecs.types import Observation
from groot_ros.errors import UserError
from groot_ros.inference import Inference, InferenceLoop
from groot_ros.policies.base import Inputs

WAIT_S = 20.0


class StepPolicy:
    """Answers each observation when it is let, or raises what it is told to."""

    inputs = Inputs((), ())

    def __init__(self) -> None:
        self.resets: list[str] = []
        self.prefixes: list[Prefix | None] = []
        self.asked: queue.Queue[Observation] = queue.Queue()
        self.answers: queue.Queue[Exception | None] = queue.Queue()

    def open(self) -> None: ...
    def close(self) -> None: ...

    def reset(self, instruction: str) -> None:
        self.resets.append(instruction)

    def predict(self, observation: Observation, prefix: Prefix | None = None) -> Chunk:
        self.asked.put(observation)
        self.prefixes.append(prefix)
        answer = self.answers.get(timeout=WAIT_S)
        if answer:
            raise answer
        return Chunk(observation.stamp_ns, 1_000_000_000 // 15, joint_position=np.zeros((4, 7)))


class Bench:
    """A loop whose world the test steps."""

    def __init__(self) -> None:
        self.policy = StepPolicy()
        self.published: queue.Queue[Inference] = queue.Queue()
        self.warnings: list[str] = []
        self.warned = threading.Condition()
        self.stamp_ns = 1
        self.not_ready = ""
        self.due = True
        self.prefix: Prefix | None = None
        self.loop = InferenceLoop(
            self.policy,
            self.observe,
            self.published.put,
            self.warn,
            "pick",
            is_due=lambda: self.due,
            prefix=lambda _: self.prefix,
        )

    def observe(self, instruction: str, after_ns: int) -> tuple[Observation, Ages] | None:
        if self.not_ready:
            raise NotReady(self.not_ready)
        if self.stamp_ns <= after_ns:
            return None
        return Observation(self.stamp_ns, {}, instruction), Ages({}, 0.1)

    def warn(self, sentence: str) -> None:
        with self.warned:
            self.warnings.append(sentence)
            self.warned.notify_all()

    def picture(self) -> None:
        self.stamp_ns += 1
        self.loop.notify()

    def wait_asked(self) -> Observation:
        return self.policy.asked.get(timeout=WAIT_S)

    def wait_published(self) -> Inference:
        return self.published.get(timeout=WAIT_S)

    def wait_warned(self, words: str) -> None:
        with self.warned:
            assert self.warned.wait_for(
                lambda: any(words in warning for warning in self.warnings), WAIT_S
            ), self.warnings

    def answer(self, error: Exception | None = None) -> None:
        self.policy.answers.put(error)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.answer()
    assert bench.loop.close(WAIT_S)


def test_nothing_is_inferred_before_the_start(bench: Bench) -> None:
    bench.picture()
    bench.answer()
    bench.loop.start()
    bench.wait_asked()
    bench.wait_published()
    assert bench.policy.resets == ["pick"]


def test_each_picture_makes_one_chunk(bench: Bench) -> None:
    bench.loop.start()
    for _ in range(3):
        bench.answer()
        stamp = bench.wait_asked().stamp_ns
        inference = bench.wait_published()
        assert inference.chunk.stamp_ns == stamp == bench.stamp_ns
        assert inference.chunk.epoch == bench.loop.epoch
        bench.loop.notify()
        bench.picture()
    assert bench.loop.counts.chunks == 3
    assert bench.loop.counts.rate_hz > 0


@pytest.mark.parametrize(
    "interrupt",
    [
        lambda loop: loop.reset(),
        lambda loop: loop.reset("drop"),
        lambda loop: loop.start("drop"),
    ],
)
def test_a_chunk_from_before_a_reset_is_never_published(
    bench: Bench, interrupt: Callable[[InferenceLoop], int]
) -> None:
    bench.loop.start()
    bench.wait_asked()
    epoch = interrupt(bench.loop)
    bench.answer()
    bench.picture()
    bench.wait_asked()
    bench.answer()
    assert bench.wait_published().chunk.epoch == epoch
    assert bench.published.empty()
    assert len(bench.policy.resets) == 2


def test_stop_throws_the_running_inference_away(bench: Bench) -> None:
    bench.loop.start()
    bench.wait_asked()
    stopped = bench.loop.stop()
    bench.answer()
    bench.picture()
    started = bench.loop.start()
    assert started > stopped
    bench.wait_asked()
    bench.answer()
    assert bench.wait_published().chunk.epoch == started


def test_waiting_is_told_once_and_counted(bench: Bench) -> None:
    bench.not_ready = "camera wrist: nothing received yet"
    bench.loop.start()
    bench.wait_warned("waiting: camera wrist: nothing received yet")
    assert bench.loop.waiting_for == bench.not_ready
    bench.not_ready = ""
    bench.answer()
    bench.wait_asked()
    bench.wait_published()
    assert bench.loop.waiting_for == ""
    assert len(bench.warnings) == 1
    assert bench.loop.counts.refused >= 1


def test_a_bad_answer_is_told_and_the_next_one_tried(bench: Bench) -> None:
    bench.loop.start()
    bench.wait_asked()
    bench.answer(UserError("the model's 'grip' holds NaN or infinity"))
    bench.wait_warned("holds NaN")
    bench.picture()
    bench.wait_asked()
    bench.answer(UserError("the model's 'grip' holds NaN or infinity"))
    bench.picture()
    bench.wait_asked()
    bench.answer()
    bench.wait_published()
    assert bench.loop.counts.failed == 2
    assert len(bench.warnings) == 1 and bench.loop.waiting_for == ""
    assert bench.loop.running


def test_a_crash_of_the_policy_stops_the_loop_with_its_reason(bench: Bench) -> None:
    bench.loop.start()
    bench.wait_asked()
    bench.answer(RuntimeError("out of memory"))
    bench.wait_warned("inference stopped")
    assert not bench.loop.running
    assert bench.loop.failure == "RuntimeError: out of memory"
    bench.loop.start()
    assert bench.loop.failure == ""
    bench.picture()
    bench.wait_asked()
    bench.answer()
    bench.wait_published()


def test_closing_does_not_wait_for_an_inference_that_hangs() -> None:
    bench = Bench()
    bench.loop.start()
    bench.wait_asked()
    assert not bench.loop.close(timeout_s=0.05)
    bench.answer()
    assert bench.loop.close(WAIT_S)


def test_the_policy_is_told_what_to_continue(bench: Bench) -> None:
    running = Chunk(0, 1_000_000_000 // 15, joint_position=np.zeros((4, 7)))
    bench.prefix = Prefix(running, 2)
    bench.loop.start()
    bench.answer()
    bench.wait_asked()
    assert bench.wait_published().queue_s >= 0
    assert bench.policy.prefixes == [bench.prefix]


def test_an_inference_begins_only_when_it_is_due(bench: Bench) -> None:
    bench.due = False
    bench.loop.start()
    bench.answer()
    for _ in range(5):
        bench.picture()
    with pytest.raises(queue.Empty):
        bench.policy.asked.get(timeout=0.2)
    bench.due = True
    bench.picture()
    bench.wait_asked()
    bench.wait_published()
