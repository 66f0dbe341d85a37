"""The loop that turns observations into chunks, in a thread of its own."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.grading import Verdict
from groot_ros.chunks.progress import Continuation, Progress
from groot_ros.errors import UserError
from groot_ros.observation.buffer import NotReady
from groot_ros.observation.picture_watch import PictureWatch
from groot_ros.observation.types import Prefix
from groot_ros.policies.inference_types import (
    Inference,
    InferenceCounts,
    LoopSettings,
    Observe,
    Outlet,
    Void,
)
from groot_ros.policy import Policy, PolicyLost
from groot_ros.timing.turns import Turns, WallTurns

# How long to wait for a new picture before asking again why there is none.
PATIENCE_S = 0.05
# Reasons quote messages, which may hold anything.
MAX_REASON_LENGTH = 500


@dataclass(frozen=True)
class _Episode:
    """What one inference is for; epochs count on from one activation to the next."""

    activation: bytes
    epoch: int
    instruction: str
    needs_reset: bool


class InferenceLoop:
    """Runs a policy on the newest observation; only new pictures make a new chunk.

    A reset, a new instruction, a start, a stop and a loss of the policy begin a new epoch of the
    activation, which `start` begins and `release` ends. The outlet hears of an epoch before its
    first chunk, and of no chunk of an older one afterwards.

    The loop owns the state of the policy's side: activation, epoch, instruction, what was
    published and how far it was executed. `_lock` guards all of it; the outlet is called with it
    held, policy and observation without. The thread alone knows pictures and the last stamp.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        observe: Observe,
        outlet: Outlet,
        now_ns: Callable[[], int],
        instruction: str,
        settings: LoopSettings | None = None,
        turns: Turns | None = None,
    ) -> None:
        """`observe(instruction, after_ns)` makes an observation, None when it would not be newer
        than `after_ns`, NotReady when it cannot; `now_ns` is the clock of observations, `turns`
        says when an inference begins and when its chunk counts."""
        self._policy = policy
        self._observe = observe
        self._outlet = outlet
        self._now_ns = now_ns
        self._settings = settings or LoopSettings()
        self.counts = InferenceCounts()
        self.waiting_for = ""
        self.failure = ""
        self._instruction = instruction
        self._activation = b""
        self._epoch = self._chunk_id = 0
        self._continuation = Continuation()
        self._needs_reset = True
        self._running = self._closing = self._is_lost = False
        self._notified_s = self._free_s = 0.0
        self._pictures = PictureWatch()
        self._last_stamp_ns = -1
        self._lock = threading.Lock()
        self._turns = turns or WallTurns()
        self._thread = threading.Thread(target=self._loop, name="inference", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether inferences are made."""
        return self._running

    @property
    def epoch(self) -> int:
        return self._epoch

    @property
    def instruction(self) -> str:
        return self._instruction

    @property
    def verdict(self) -> Verdict:
        """The verdict on the newest chunk."""
        with self._lock:
            newest = self._continuation.newest
        return newest.verdict if newest else Verdict()

    def start(self, instruction: str | None = None) -> int:
        """Begin an episode, and an activation where none is; returns its epoch."""
        with self._lock:
            if not self._activation:
                self._activation = uuid4().bytes
            self._running = True
            self.counts = InferenceCounts()
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

    def release(self) -> None:
        """Stop and end the activation: another policy may be followed."""
        with self._lock:
            self._running = False
            self.waiting_for = ""
            self._new_epoch(None, released=True)
            self._activation = b""

    def change(self, **settings: Any) -> None:
        """Change fields of the LoopSettings."""
        with self._lock:
            self._settings = replace(self._settings, **settings)

    def measured(self, activation: bytes, progress: Progress) -> None:
        """Take the executor's progress with a chunk of an activation."""
        with self._lock:
            if activation == self._activation:
                self._continuation.measured(progress)

    def notify(self) -> None:
        """Wake the loop because a new picture has arrived."""
        self._notified_s = time.monotonic()
        self._turns.wake()

    def close(self, timeout_s: float) -> bool:
        """End the thread; False when an inference is still under way after the timeout."""
        with self._lock:
            self._closing = True
            self._running = False
            self._turns.wake()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _new_epoch(self, instruction: str | None, released: bool = False) -> int:
        """With the lock held."""
        if instruction is not None:
            self._instruction = instruction
        self._epoch += 1
        self._needs_reset = True
        self._continuation.forget()
        if self._activation:
            self._outlet.void(
                Void(activation=self._activation, epoch=self._epoch, released=released)
            )
        self._turns.wake()
        return self._epoch

    def _loop(self) -> None:
        while not self._closing:
            if not self._turns.begin(PATIENCE_S):
                continue
            try:
                if not self._is_due():
                    continue
                rate_hz = self._settings.rate_hz
                self._turns.space(1.0 / rate_hz if rate_hz > 0 else 0.0)
                self._infer_once()
            except PolicyLost as error:
                self._lose(str(error))
            except UserError as error:
                self.counts.failed += 1
                self._report_waiting(str(error))
            except Exception:
                self._fail(traceback.format_exc())
            finally:
                self._turns.end()

    def _is_due(self) -> bool:
        with self._lock:
            return self._running and self._continuation.is_due(
                self._settings.replanning, self._now_ns()
            )

    def _infer_once(self) -> None:
        with self._lock:
            episode = _Episode(self._activation, self._epoch, self._instruction, self._needs_reset)
        if episode.needs_reset:
            self._reset_policy(episode)
        started_s = time.monotonic()
        try:
            seen = self._observe(episode.instruction, self._last_stamp_ns)
            if seen is None:
                return
            self._pictures.check(seen[0])
        except NotReady as reason:
            self.counts.refused += 1
            self._report_waiting(str(reason))
            return
        except UserError:
            raise
        except Exception as error:
            # Messages hold anything; the next ones may be better.
            self.counts.refused += 1
            self._report_waiting(f"no observation can be made: {type(error).__name__}: {error}")
            return
        observation, ages = seen
        self._last_stamp_ns = observation.stamp_ns
        self._turns.observed(observation.stamp_ns)
        decoded_s = time.monotonic()
        chunk = self._policy.predict(observation, self._prefix(episode, observation.stamp_ns))
        ended_s = time.monotonic()
        arrives = self._turns.wait_due()
        self._report_waiting("")
        self._is_lost = False
        queue_s = max(0.0, started_s - max(self._notified_s, self._free_s))
        self._free_s = ended_s
        with self._lock:
            if not self._running or episode.epoch != self._epoch:
                self.counts.void += 1
                return
            if not arrives:
                self.counts.failed += 1
                return
            self._chunk_id += 1
            inference = Inference(
                chunk=replace(chunk, epoch=episode.epoch),
                chunk_id=self._chunk_id,
                activation=episode.activation,
                instruction=episode.instruction,
                ages=ages,
                queue_s=queue_s,
                decode_s=decoded_s - started_s,
                model_s=ended_s - decoded_s,
            )
            self._count(inference, ended_s)
            self._continuation.published(self._chunk_id, inference.chunk, self._now_ns())
            self._outlet.publish(inference)

    def _reset_policy(self, episode: _Episode) -> None:
        """A new episode for the policy; it stays due where that fails or another one has begun."""
        self._policy.reset(episode.instruction)
        self._turns.restart()
        self._pictures = PictureWatch()
        self._last_stamp_ns = -1
        with self._lock:
            if episode.epoch == self._epoch:
                self._needs_reset = False

    def _prefix(self, episode: _Episode, stamp_ns: int) -> Prefix[Chunk] | None:
        with self._lock:
            if not self._settings.continues or episode.epoch != self._epoch:
                return None
            return self._continuation.prefix(stamp_ns)

    def _count(self, inference: Inference, ended_s: float) -> None:
        counts = self.counts
        counts.chunks += 1
        counts.ended_s.append(ended_s)
        counts.action_rate_hz = 1e9 / inference.chunk.step_ns
        counts.observation_age_s = (
            inference.ages.observation_s + inference.decode_s + inference.model_s
        )

    def _report_waiting(self, reason: str) -> None:
        reason = reason[:MAX_REASON_LENGTH]
        with self._lock:
            if reason and not self._running:
                return
            if reason and not self.waiting_for:
                self._outlet.warn(f"waiting: {reason}")
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
                self._new_epoch(None)
        self._report_waiting(reason)

    def _fail(self, reason: str) -> None:
        with self._lock:
            self._running = False
            self.failure = reason.strip().splitlines()[-1]
            self._new_epoch(None)
        self._outlet.warn(f"inference stopped: {reason}")
