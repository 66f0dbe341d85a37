"""The inference loop with a policy that does what the test says."""

from __future__ import annotations

import itertools
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.progress import Progress
from groot_ros.errors import UserError
from groot_ros.observation.buffer import Ages, NotReady
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policies.inference import InferenceLoop
from groot_ros.policies.inference_types import Inference, LoopSettings, Void
from groot_ros.policy import Inputs
from groot_ros.signals.signals import arm_signals

WAIT_S = 20.0
MANY = 10_000
STEP_NS = 1_000_000_000 // 15


class StepPolicy:
    """Answers each observation when it is let, or raises what it is told to."""

    inputs = Inputs((), ())

    def __init__(self) -> None:
        self.resets: list[str] = []
        self.prefixes: list[Prefix[Chunk] | None] = []
        self.asked: queue.Queue[Observation] = queue.Queue()
        self.answers: queue.Queue[Exception | None] = queue.Queue()

    def open(self) -> None: ...
    def close(self) -> None: ...

    def reset(self, instruction: str) -> None:
        self.resets.append(instruction)

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        self.asked.put(observation)
        self.prefixes.append(prefix)
        answer = self.answers.get(timeout=WAIT_S)
        if answer:
            raise answer
        return Chunk(
            observation.stamp_ns, STEP_NS, signals=arm_signals(joint_position=np.zeros((4, 7)))
        )


class Bench:
    """A loop whose world the test steps."""

    def __init__(self, settings: LoopSettings | None = None) -> None:
        self.policy = StepPolicy()
        self.published: queue.Queue[Inference] = queue.Queue()
        self.warnings: list[str] = []
        self.warned = threading.Condition()
        self.stamp_ns = 1
        self.not_ready = ""
        self.breaks: Exception | None = None
        self.voids: list[Void] = []
        self.now_ns = 0
        self.loop = InferenceLoop(
            policy=self.policy,
            observe=self.observe,
            outlet=self,
            now_ns=lambda: self.now_ns,
            instruction="pick",
            settings=settings,
        )

    def publish(self, inference: Inference) -> None:
        self.published.put(inference)

    def void(self, void: Void) -> None:
        self.voids.append(void)

    def observe(self, instruction: str, after_ns: int) -> tuple[Observation, Ages] | None:
        if self.breaks:
            raise self.breaks
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

    def continue_with_a_picture(self) -> None:
        """One inference more."""
        self.picture()
        self.answer()
        self.wait_asked()
        self.wait_published()

    def answer(self, error: Exception | None = None) -> None:
        self.policy.answers.put(error)


@contextmanager
def closing_bench(settings: LoopSettings | None = None) -> Iterator[Bench]:
    """A bench whose loop ends with the block."""
    bench = Bench(settings)
    yield bench
    bench.answer()
    assert bench.loop.close(WAIT_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with closing_bench() as bench:
        yield bench


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


def test_messages_that_break_an_observation_do_not_end_the_loop(bench: Bench) -> None:
    bench.breaks = ZeroDivisionError("a picture without pixels")
    bench.loop.start()
    bench.wait_warned("waiting: no observation can be made: ZeroDivisionError: a picture without")
    bench.breaks = None
    bench.answer()
    bench.wait_asked()
    bench.wait_published()
    assert bench.loop.running and bench.loop.counts.refused >= 1


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


def progress(chunk_id: int, step: float, stamp_ns: int = 0) -> Progress:
    return Progress(stamp_ns, chunk_id, 1, step=step, rate=1.0, delay_steps=1.0)


def test_the_policy_is_told_what_to_continue() -> None:
    with closing_bench(LoopSettings(continues=True)) as bench:
        bench.loop.start()
        bench.answer()
        bench.wait_asked()
        first = bench.wait_published()
        assert first.queue_s >= 0 and bench.policy.prefixes == [None]
        bench.loop.measured(b"another activation", progress(first.chunk_id, 1.0))
        bench.continue_with_a_picture()
        assert bench.policy.prefixes[-1] is None
        bench.loop.measured(first.activation, progress(first.chunk_id + 1, 1.0))
        bench.continue_with_a_picture()
        assert bench.policy.prefixes[-1] is not None
        bench.loop.reset()
        bench.continue_with_a_picture()
        assert bench.policy.prefixes[-1] is None


def test_an_inference_begins_only_when_it_is_due() -> None:
    with closing_bench(LoopSettings(replan_steps=2)) as bench:
        bench.loop.start()
        bench.answer()
        bench.wait_asked()
        first = bench.wait_published()
        bench.answer()
        for _ in range(5):
            bench.picture()
        with pytest.raises(queue.Empty):
            bench.policy.asked.get(timeout=0.2)
        bench.loop.measured(first.activation, progress(first.chunk_id, 2.0))
        bench.picture()
        bench.wait_asked()
        bench.wait_published()


@pytest.mark.parametrize(
    "nonsense",
    [
        progress(1, float("nan")),
        progress(1, -1e300),
        replace(progress(1, 0.0), rate=float("inf")),
        replace(progress(1, 0.0), delay_steps=float("inf")),
        progress(1, 0.0, stamp_ns=10**18),
    ],
)
def test_nonsense_about_the_progress_does_not_stop_the_loop(nonsense: Progress) -> None:
    with closing_bench(LoopSettings(replan_steps=2, continues=True)) as bench:
        bench.loop.start()
        bench.answer()
        bench.wait_asked()
        first = bench.wait_published()
        bench.loop.measured(first.activation, nonsense)
        bench.now_ns = 3 * STEP_NS
        bench.continue_with_a_picture()
        assert bench.loop.running and not bench.loop.failure


def test_activations_are_begun_and_released() -> None:
    with closing_bench() as bench:
        bench.loop.reset()
        assert not bench.voids, "nobody follows anything yet"
        first = bench.loop.start()
        bench.loop.stop()
        bench.loop.start()
        bench.loop.release()
        second = bench.loop.start()
        released = [void.released for void in bench.voids]
        assert released == [False, False, False, True, False]
        activations = [void.activation for void in bench.voids]
        assert len(set(activations[:4])) == 1 and activations[4] != activations[0]
        epochs = [void.epoch for void in bench.voids]
        assert epochs[0] == first and epochs[4] == second
        assert epochs == sorted(set(epochs)) and all(len(name) == 16 for name in activations)


class Racing:
    """A policy that is done at once and an outlet that looks at the order of what it hears."""

    inputs = Inputs((), ())

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.faults: list[str] = []
        self.instructions: dict[int, str] = {}
        self.stamps = itertools.count(1)
        self.many = threading.Event()

    def open(self) -> None: ...
    def close(self) -> None: ...
    def reset(self, instruction: str) -> None: ...
    def warn(self, sentence: str) -> None:
        self.faults.append(sentence)

    def observe(self, instruction: str, after_ns: int) -> tuple[Observation, Ages]:
        return Observation(next(self.stamps), {}, instruction), Ages({}, 0.0)

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        return Chunk(
            observation.stamp_ns, STEP_NS, signals=arm_signals(joint_position=np.zeros((4, 7)))
        )

    def void(self, void: Void) -> None:
        self.heard.append(void.epoch)

    def publish(self, inference: Inference) -> None:
        if inference.chunk.epoch != self.heard[-1]:
            self.faults.append(f"chunk of {inference.chunk.epoch} after {self.heard[-1]}")
        kept = self.instructions.setdefault(inference.chunk.epoch, inference.instruction)
        if kept != inference.instruction:
            self.faults.append("two instructions in one epoch")
        if inference.chunk_id == MANY:
            self.many.set()
        self.loop.notify()


def test_whatever_is_asked_meanwhile_the_order_is_kept_and_inference_goes_on() -> None:
    """Resets, instructions, starts, stops and progress from three threads against inference."""
    race = Racing()
    race.loop = loop = InferenceLoop(
        policy=race,
        observe=race.observe,
        outlet=race,
        now_ns=lambda: 0,
        instruction="a",
        settings=LoopSettings(continues=True),
    )
    asked = [
        lambda: loop.reset(),
        lambda: loop.reset("b"),
        lambda: loop.start("c"),
        lambda: (loop.stop(), loop.start()),
        lambda: (loop.release(), loop.start()),
        lambda: loop.measured(loop._activation, progress(loop._chunk_id, 1.0)),
        lambda: loop.change(replan_steps=0),
        lambda: loop.verdict,
    ]

    done = threading.Event()

    def hammer(seed: int) -> None:
        rng = np.random.default_rng(seed)
        while not done.wait(1e-4):
            asked[rng.integers(len(asked))]()

    loop.start()
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=hammer, args=[seed]) for seed in range(3)]
    try:
        for thread in threads:
            thread.start()
        race.many.wait(WAIT_S)
    finally:
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(switch_s)
    assert race.many.is_set() or race.faults
    loop.start("last")
    goes_on = threading.Event()
    race.publish = lambda inference: inference.instruction == "last" and goes_on.set()
    loop.notify()
    assert goes_on.wait(WAIT_S) and loop.running
    assert loop.close(WAIT_S)
    assert not race.faults and not loop.failure, (race.faults[:3], loop.failure)
    assert race.heard == sorted(set(race.heard))
