"""The simulated arm in simulated time that it makes itself."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from groot_ros.nodes.lockstep_clock import LockstepClock
from groot_ros.observation.fields import NS
from groot_ros.sim.live import Pictures, SharedSimulation, State, make_renderer, measure
from groot_ros.sim.shutter import Shutter
from groot_ros.sim.simulation import Simulation


@dataclass(frozen=True)
class Streams:
    """How a robot tells what it measures: pictures per second, and how late in s all of it is."""

    image_rate_hz: float
    state_latency_s: float = 0.0
    camera_latency_s: float = 0.0


class LockstepSimulation(SharedSimulation):
    """Steps and draws a simulation in one thread, at the pace of a LockstepClock.

    States and pictures are published at their time and their latency; the clock waits for both.
    `on_state` and `on_pictures` are called in that thread, which alone touches the streams.
    """

    def __init__(
        self,
        simulation: Simulation,
        clock: LockstepClock,
        streams: Streams,
        on_state: Callable[[State], None],
        on_pictures: Callable[[State, Pictures], None],
    ) -> None:
        super().__init__(simulation)
        self._clock = clock
        self._streams = streams
        self._on_state = on_state
        self._on_pictures = on_pictures
        self._shutter = Shutter(streams.image_rate_hz)
        self._states: deque[State] = deque()
        self._pictures: deque[tuple[State, Pictures]] = deque()
        self._state: State | None = None
        self._picture: tuple[State, Pictures] | None = None
        self._begins = False
        clock.repeat = self._repeat
        self._thread = threading.Thread(target=self._run, name="simulation")

    def start(self) -> None:
        """Start the thread that advances time."""
        self._thread.start()

    def close(self) -> None:
        """Stop; returns when the thread has ended."""
        self._clock.close()
        if self._thread.is_alive():
            self._thread.join()
        self._close_viewer()

    def take_lost_s(self) -> float:
        """Always 0: in lockstep time passes more slowly instead of being dropped."""
        return 0.0

    @contextmanager
    def between_episodes(self) -> Iterator[Simulation]:
        """The simulation to reset: the next tick shows it as it is then, and takes a picture."""
        with self._lock:
            yield self._simulation
            self._begins = True

    def _run(self) -> None:
        renderer = make_renderer(self._simulation)
        period_s = 1.0 / self._simulation.config.control_rate_hz
        while not self._clock.ended:
            now_ns = self._clock.time_ns
            with self._lock:
                state = measure(self._simulation, now_ns)
                if self._begins:
                    self._begins = False
                    self._shutter.restart()
            self._states.append(state)
            if self._shutter.is_due(now_ns):
                self._pictures.append((state, self._draw(renderer, state)))
            self._publish(now_ns)
            self._clock.tick()
            with self._lock:
                # The first tick of an episode shows its beginning.
                if not self._begins:
                    self._simulation.advance(period_s)
        renderer.close()

    def _publish(self, now_ns: int) -> None:
        state_ns = round(self._streams.state_latency_s * NS)
        camera_ns = round(self._streams.camera_latency_s * NS)
        while self._states and self._states[0].stamp_ns + state_ns <= now_ns:
            self._state = self._states.popleft()
            self._on_state(self._state)
        while self._pictures and self._pictures[0][0].stamp_ns + camera_ns <= now_ns:
            self._picture = self._pictures.popleft()
            self._on_pictures(*self._picture)

    def _repeat(self) -> None:
        if self._state:
            self._on_state(self._state)
        if self._picture:
            self._on_pictures(*self._picture)
