"""The loop that turns observations into chunks, in a thread of its own."""

from __future__ import annotations

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from groot_ros.buffer import Ages, NotReady
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.progress import Prefix
from groot_ros.codecs.types import Observation
from groot_ros.errors import UserError
from groot_ros.policies.base import Policy, PolicyLost

# How long to wait for a new picture before asking again why there is none.
PATIENCE_S = 0.05
RATE_WINDOW = 20


@dataclass(frozen=True)
class Inference:
    """A chunk with the durations of its making, in s."""

    chunk: Chunk
    instruction: str
    ages: Ages
    queue_s: float
    """From the newest picture's arrival, or the end of the last inference, to the beginning."""
    decode_s: float
    model_s: float


@dataclass
class Counts:
    """What the loop has done since it was started."""

    chunks: int = 0
    void: int = 0
    """Chunks that were thrown away, because a reset came while they were made."""
    refused: int = 0
    """Times when no observation could be made."""
    failed: int = 0
    """Inferences that gave no chunk."""
    action_rate_hz: float = 0.0
    """Steps per second of the newest chunk."""
    observation_age_s: float = 0.0
    """Of the newest chunk, when it was done."""
    ended_s: deque[float] = field(default_factory=lambda: deque(maxlen=RATE_WINDOW))

    @property
    def rate_hz(self) -> float:
        """Inferences per second over the last few."""
        if len(self.ended_s) < 2:
            return 0.0
        return (len(self.ended_s) - 1) / (self.ended_s[-1] - self.ended_s[0])


class InferenceLoop:
    """Runs a policy on the newest observation, as soon as the last inference has ended or at
    `rate_hz` when that is above 0; only new pictures make a new chunk.

    `observe(instruction, after_ns)` makes the observation, None when it would not be newer than
    `after_ns`, NotReady when it cannot; `publish` takes what came out, `warn` a sentence for the
    operator. `is_due` says whether it is time to begin, `prefix(stamp_ns)` what the chunk of an
    observation at that time continues, and `lost(epoch)` is called once the policy cannot be
    reached any more. A reset, a new instruction, a start and a loss begin a new epoch; a chunk of
    an older one is never published.
    """

    def __init__(
        self,
        policy: Policy,
        observe: Callable[[str, int], tuple[Observation, Ages] | None],
        publish: Callable[[Inference], None],
        warn: Callable[[str], None],
        instruction: str,
        rate_hz: float = 0.0,
        is_due: Callable[[], bool] = lambda: True,
        prefix: Callable[[int], Prefix | None] = lambda _: None,
        lost: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.rate_hz = rate_hz
        self._is_due = is_due
        self._prefix = prefix
        self._lost = lost
        self._is_lost = False
        self._notified_s = self._free_s = 0.0
        self.counts = Counts()
        self.waiting_for = ""
        self.failure = ""
        self._policy = policy
        self._observe = observe
        self._publish = publish
        self._warn = warn
        self._instruction = instruction
        self._epoch = 0
        self._needs_reset = True
        self._running = False
        self._closing = False
        self._last_stamp_ns = -1
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="inference", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._running

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def instruction(self) -> str:
        return self._instruction

    def start(self, instruction: str | None = None) -> int:
        """Begin an episode; returns its epoch."""
        with self._lock:
            self._running = True
            self.counts = Counts()
            self.failure = ""
            return self._new_epoch(instruction)

    def reset(self, instruction: str | None = None) -> int:
        """Forget the episode and begin another one, running or not; returns its epoch."""
        with self._lock:
            return self._new_epoch(instruction)

    def stop(self) -> int:
        """Make no more chunks; the one under way is thrown away. Returns the new epoch."""
        with self._lock:
            self._running = False
            self.waiting_for = ""
            return self._new_epoch(None)

    def _new_epoch(self, instruction: str | None) -> int:
        if instruction is not None:
            self._instruction = instruction
        # Wall time, so that a node that was restarted does not fall behind its own past.
        self._epoch = max(self._epoch + 1, int(time.time()))
        self._needs_reset = True
        self._wake.set()
        return self._epoch

    def notify(self) -> None:
        """A new picture has come."""
        self._notified_s = time.monotonic()
        self._wake.set()

    def close(self, timeout_s: float) -> bool:
        """End the thread; False when an inference is still under way after the timeout."""
        with self._lock:
            self._closing = True
            self._running = False
            self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _loop(self) -> None:
        next_s = 0.0
        while not self._closing:
            self._wake.wait(PATIENCE_S)
            self._wake.clear()
            if not self._running:
                continue
            if not self._is_due():
                continue
            if (pause_s := next_s - time.monotonic()) > 0:
                self._wake.wait(pause_s)
            next_s = time.monotonic() + (1.0 / self.rate_hz if self.rate_hz > 0 else 0.0)
            try:
                self._infer_once()
            except PolicyLost as error:
                self._lose(str(error))
            except UserError as error:
                self.counts.failed += 1
                self._report_waiting(str(error))
            except Exception:
                self._fail(traceback.format_exc())

    def _infer_once(self) -> None:
        with self._lock:
            epoch, instruction, needs_reset = self._epoch, self._instruction, self._needs_reset
            self._needs_reset = False
        if needs_reset:
            self._policy.reset(instruction)
            self._last_stamp_ns = -1
        started_s = time.monotonic()
        try:
            seen = self._observe(instruction, self._last_stamp_ns)
        except NotReady as reason:
            self.counts.refused += 1
            self._report_waiting(str(reason))
            return
        if seen is None:
            return
        observation, ages = seen
        self._last_stamp_ns = observation.stamp_ns
        decoded_s = time.monotonic()
        chunk = self._policy.predict(observation, self._prefix(observation.stamp_ns))
        ended_s = time.monotonic()
        self._report_waiting("")
        self._is_lost = False
        inference = Inference(
            replace(chunk, epoch=epoch),
            instruction,
            ages,
            max(0.0, started_s - max(self._notified_s, self._free_s)),
            decoded_s - started_s,
            ended_s - decoded_s,
        )
        self._free_s = ended_s
        with self._lock:
            if not self._running or epoch != self._epoch:
                self.counts.void += 1
                return
            self._count(inference, ended_s)
            self._publish(inference)

    def _count(self, inference: Inference, ended_s: float) -> None:
        counts = self.counts
        counts.chunks += 1
        counts.ended_s.append(ended_s)
        counts.action_rate_hz = 1e9 / inference.chunk.step_ns
        counts.observation_age_s = (
            inference.ages.observation_s + inference.decode_s + inference.model_s
        )

    def _report_waiting(self, reason: str) -> None:
        if reason and not self.waiting_for:
            self._warn(f"waiting: {reason}")
        self.waiting_for = reason

    def _lose(self, reason: str) -> None:
        with self._lock:
            # The policy forgot the episode with the connection.
            self._needs_reset = True
            if not self._running:
                return
            if not self._is_lost:
                self._is_lost = True
                self.counts.failed += 1
                self._lost(self._new_epoch(None))
        self._report_waiting(reason)

    def _fail(self, reason: str) -> None:
        with self._lock:
            self._running = False
            self._new_epoch(None)
        self.failure = reason.strip().splitlines()[-1]
        self._warn(f"inference stopped: {reason}")
