"""A policy that sees what was recorded, and whose chunks are as late as is said."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

from groot_ros.errors import UserError
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.observation.picture_watch import PictureWatch
from groot_ros.observation.routes import Route
from groot_ros.policy import Policy
from groot_ros.robot.config import RobotConfig
from groot_ros.sim.rehearsal.result import ChunkOutcome


class RecordedEyes:
    """Observations of a bag as the policy node makes them, and the chunks that a policy makes.

    A chunk counts as made `latency_s` after its pictures were taken, however long it took; `waits`
    counts pictures without an observation, by the reason. `buffer` takes messages of the bag.
    """

    def __init__(
        self, policy: Policy, robot: RobotConfig, latency_s: float, waits: Counter[str]
    ) -> None:
        inputs = policy.inputs
        self.buffer = ObservationBuffer(robot, inputs.fields, inputs.cameras, inputs.past_ns)
        self._policy = policy
        self._latency_ns = round(latency_s * 1e9)
        self._waits = waits
        self._pictures = PictureWatch()
        self._made: deque[ChunkOutcome] = deque()
        self._instruction = ""
        self._busy_until_ns = 0
        self._last_stamp_ns = -1

    def open(self, instruction: str, from_ns: int) -> None:
        """Begin an episode with an instruction at a time in ns."""
        self._instruction, self._busy_until_ns = instruction, from_ns
        self._policy.reset(instruction)

    def see(self, route: Route, message: Any, now_ns: int) -> None:
        """Take a message; as in the policy node, a picture begins an inference where none is
        running."""
        route.store(message, now_ns)
        if route.is_camera and now_ns >= self._busy_until_ns:
            self._infer(now_ns)

    def report(self, route: Route, reason: str) -> None:
        """Record a message that could not be read."""
        for stream in route.streams:
            self.buffer.report(stream, reason)

    def due(self, now_ns: int) -> Iterator[ChunkOutcome]:
        """The chunks that have arrived by a time in ns."""
        while self._made and self._made[0].due_ns <= now_ns:
            yield self._made.popleft()

    def _infer(self, now_ns: int) -> None:
        begun_s = time.perf_counter()
        try:
            seen = self.buffer.observe_newer(now_ns, self._instruction, self._last_stamp_ns)
            if seen is None:
                return
            observation, _ = seen
            self._pictures.check(observation)
            self._last_stamp_ns = observation.stamp_ns
            decoded_s = time.perf_counter()
            chunk = self._policy.predict(observation)
        except NotReady as reason:
            self._waits[reason.cause] += 1
            return
        except UserError as error:
            self._waits[str(error)] += 1
            return
        due_ns = max(now_ns, chunk.stamp_ns + self._latency_ns)
        self._busy_until_ns = due_ns
        model_s = time.perf_counter() - decoded_s
        self._made.append(ChunkOutcome(chunk, due_ns, decoded_s - begun_s, model_s))
