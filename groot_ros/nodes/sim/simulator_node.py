"""A simulator of anybody's as a node: the clock of its run, and scenes to try a policy in.

    class Bridge(SimulatorNode):                    # its own topics are created in __init__
        period_s = 0.02
        def show(self, scene): ...                  # begin an episode
        def publish(self, now_ns): ...              # what the robot measures at this time
        def advance(self) -> bool: ...              # a period on; whether the task is done

    run_simulator(Bridge)

All three are called in the main thread, commands come through callbacks in another one, while
`tick` waits for them: what is done is what was commanded at exactly this tick.
"""

from __future__ import annotations

import signal
import sys
import threading
from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import rclpy
from std_srvs.srv import Trigger

from groot_ros.errors import UserError
from groot_ros.nodes import parameters
from groot_ros.nodes.lockstep_clock import LockstepClock
from groot_ros.nodes.lockstep_traffic import TrafficNode
from groot_ros.nodes.sim.scene_teller import SceneTeller
from groot_ros.nodes.sim.sim_parameters import SimulatorParameters
from groot_ros.nodes.spinning import Spinner

NAME = "sim"


class SimulatorNode(TrafficNode):
    """Named `sim`, as whoever sets up scenes expects; `_lock` guards which scene is asked for."""

    period_s: ClassVar[float]

    def __init__(self) -> None:
        super().__init__(NAME)
        parameters.declare(self, SimulatorParameters)
        settings = parameters.read(self, SimulatorParameters)
        self._lock = threading.Lock()
        self._next_scene = settings.seed
        self._asked = True
        self._teller = SceneTeller(self)
        self._lockstep = LockstepClock(self, round(self.period_s * 1e9), settings.real_time_factor)
        self.create_service(Trigger, "~/reset", self._on_reset)
        parameters.guard(self, SimulatorParameters, lambda: True, self._parameter_changed)

    @abstractmethod
    def show(self, scene: int) -> None:
        """Begin an episode in a scene: the same one for the same number."""

    @abstractmethod
    def publish(self, now_ns: int) -> None:
        """Send states and pictures that are due, stamped with this time."""

    @abstractmethod
    def advance(self) -> bool:
        """Simulate a period with what was commanded; whether the task has been done."""

    def run(self, is_spun: Callable[[], bool]) -> None:
        """Let time pass while callbacks are called."""
        while is_spun() and not self._lockstep.ended:
            if self._take_reset():
                self._teller.tell(False)
            self.publish(self._lockstep.time_ns)
            self._lockstep.tick()
            # The first tick of an episode shows its beginning.
            if not self._asked:
                self._teller.tell(self.advance())

    def end(self) -> None:
        """Let `run` return."""
        self._lockstep.close()

    def _take_reset(self) -> bool:
        with self._lock:
            if not self._asked:
                return False
            self._asked, scene = False, self._next_scene
            self._next_scene += 1
        self.show(scene)
        self._teller.begin(scene)
        return True

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            self._asked = True
            response.message = f"scene {self._next_scene}"
        response.success = True
        return response

    def _parameter_changed(self, name: str, value: int) -> None:
        if name == "seed":
            with self._lock:
                self._next_scene = value


def run_simulator(make: Callable[[], SimulatorNode]) -> int:
    """Run a simulator's node until SIGINT or SIGTERM; its exit code."""
    rclpy.init()
    try:
        node = make()
    except UserError as error:
        print(f"{NAME}: {error}", file=sys.stderr)
        return 2
    spinner = Spinner(node, node.context)
    signal.signal(signal.SIGTERM, lambda *_: node.end())
    signal.signal(signal.SIGINT, lambda *_: node.end())
    try:
        node.run(lambda: spinner.is_alive)
    finally:
        node.end()
        spinner.close()
        node.destroy_node()  # type: ignore[no-untyped-call]
        rclpy.try_shutdown()
    return 0
