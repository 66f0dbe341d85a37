"""A simulation that runs by itself on the wall clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from groot_ros.observation.fields import NS
from groot_ros.sim.rendering import SceneRenderer
from groot_ros.sim.scene import CAMERAS
from groot_ros.sim.simulation import Simulation

if TYPE_CHECKING:
    from groot_ros.sim.viewer import Viewer

Array = NDArray[np.float64]
Pictures = dict[str, NDArray[np.uint8]]

# A pause longer than this is not made up for: the machine slept, or is too slow.
LONGEST_CATCH_UP_S = 0.2


@dataclass(frozen=True)
class State:
    """The robot at one control period: joints rad, rad/s; pose of the tool center point."""

    stamp_ns: int
    joint_position: Array
    joint_velocity: Array
    finger_position: float
    finger_velocity: float
    ee_pose: Array
    succeeded: bool
    configuration: Array


def measure(simulation: Simulation, stamp_ns: int) -> State:
    """The robot as it is now."""
    return State(
        stamp_ns=stamp_ns,
        joint_position=simulation.joint_position,
        joint_velocity=simulation.joint_velocity,
        finger_position=simulation.finger_position,
        finger_velocity=simulation.finger_velocity,
        ee_pose=simulation.ee_pose,
        succeeded=simulation.succeeded,
        configuration=simulation.configuration,
    )


def make_renderer(simulation: Simulation) -> SceneRenderer:
    """For the pictures of a simulation, in the thread that makes it."""
    config = simulation.config
    return SceneRenderer(simulation.model, config.image_width, config.image_height)


class SharedSimulation:
    """A simulation that threads step and draw while others command it; `_lock` guards it."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._lock = threading.Lock()
        self._viewer: Viewer | None = None
        # Where pictures cannot be drawn this says so here and not in a thread.
        make_renderer(simulation).close()

    def open_viewer(self) -> None:
        """Show the scene in a window too; UserError where there is no display."""
        from groot_ros.sim.viewer import Viewer

        self._viewer = Viewer(self._simulation.model)

    @contextmanager
    def paused(self) -> Iterator[Simulation]:
        """The simulation between two periods, to command it."""
        with self._lock:
            yield self._simulation

    def _draw(self, renderer: SceneRenderer, state: State) -> Pictures:
        """What the cameras, and whoever is at the window, see."""
        renderer.place(state.configuration)
        if self._viewer:
            self._viewer.show(state.configuration)
        return {camera: renderer.render(camera) for camera in CAMERAS}

    def _close_viewer(self) -> None:
        if self._viewer:
            self._viewer.close()


class LiveSimulation(SharedSimulation):
    """Steps a simulation in one thread and draws its pictures in another.

    `stamp` gives each state its time in ns, from how late in ns it is. Drawing never holds the
    robot up: it works on a copy of the newest state. `on_state` and `on_pictures` are called in
    these threads.
    """

    def __init__(
        self,
        simulation: Simulation,
        image_rate_hz: float,
        stamp: Callable[[int], int],
        on_state: Callable[[State], None],
        on_pictures: Callable[[State, Pictures], None],
    ) -> None:
        super().__init__(simulation)
        self._stamp = stamp
        self._on_state = on_state
        self._on_pictures = on_pictures
        self._image_period_s = 1.0 / image_rate_hz
        self._ended = threading.Event()
        self._state: State | None = None
        self._lost_s = 0.0
        self._threads = [
            threading.Thread(target=self._run, name="physics"),
            threading.Thread(target=self._show, name="cameras"),
        ]

    def start(self) -> None:
        """Let time pass from now on."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop; returns when both threads have ended."""
        self._ended.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()
        self._close_viewer()

    def take_lost_s(self) -> float:
        """Time that was dropped since the last call because the machine was too slow."""
        lost_s, self._lost_s = self._lost_s, 0.0
        return lost_s

    def between_episodes(self) -> AbstractContextManager[Simulation]:
        """The simulation between two periods, to reset it."""
        return self.paused()

    def _run(self) -> None:
        period_s = 1.0 / self._simulation.config.control_rate_hz
        due_s = time.monotonic()
        while not self._ended.is_set():
            due_s += period_s
            self._wait_until(due_s)
            if (late_s := time.monotonic() - due_s) > LONGEST_CATCH_UP_S:
                self._lost_s += late_s
                due_s += late_s
            with self._lock:
                self._simulation.advance(period_s)
                late_s = time.monotonic() - due_s
                stamp_ns = self._stamp(round(late_s * NS))
                self._state = state = measure(self._simulation, stamp_ns)
            self._on_state(state)

    def _show(self) -> None:
        renderer = make_renderer(self._simulation)
        due_s = time.monotonic()
        while not self._ended.is_set():
            due_s = max(due_s + self._image_period_s, time.monotonic())
            self._wait_until(due_s)
            if (state := self._state) is not None:
                self._on_pictures(state, self._draw(renderer, state))
        renderer.close()

    def _wait_until(self, time_s: float) -> None:
        if (pause_s := time_s - time.monotonic()) > 0:
            self._ended.wait(pause_s)
