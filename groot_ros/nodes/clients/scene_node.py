"""A node that sets up scenes of the simulated arm and starts and stops its policy."""

from __future__ import annotations

from collections.abc import Callable

from std_msgs.msg import Bool, Int64

from groot_ros.errors import UserError
from groot_ros.nodes.clients.operator_clock import LockstepOperatorClock, OperatorClock, WallClock
from groot_ros.nodes.clients.operator_node import (
    ACTIVATE,
    ACTIVE,
    DEACTIVATE,
    INACTIVE,
    SERVICE_WAIT_S,
    OperatorNode,
)
from groot_ros.nodes.lockstep_traffic import TrafficNode
from groot_ros.nodes.qos import LATCHED
from groot_ros.sim.rollout import SETTLE_S
from groot_ros.sim.tasks import Task

# Pictures and states of the scene before are no longer on their way after this.
SETTLE_NS = round(SETTLE_S * 1e9)
# Whether the nodes have ended is looked at this often while simulated time is waited for.
LOOK_S = 5.0


class SceneNode(OperatorNode, TrafficNode):
    """Knows from the simulator itself which scene it shows and since when the task is done.

    In simulated time everything is set up while the clock stands, so that every run of a scene
    takes the same course; with `real_time` time passes meanwhile.
    """

    def __init__(self, name: str, real_time: bool = False) -> None:
        super().__init__(name)
        self.succeeded = False
        self.succeeded_ns: int | None = None
        self.began_ns = 0
        self._scene = -1
        self._real_time = real_time
        self.clock: OperatorClock = (
            WallClock(self, self.spin_until)
            if real_time
            else LockstepOperatorClock(self, self.spin_until, self._on_tick)
        )
        self.create_subscription(Bool, "sim/success", self._on_success, LATCHED)
        self.create_subscription(Int64, "sim/seed", self._on_seed, LATCHED)

    def wait_for_nodes(self, alive: Callable[[], bool]) -> None:
        """Wait for policy and executor; both are inactive then."""
        self.wait_for_state("policy", INACTIVE, alive)
        # The launch file activates it as soon as it is configured.
        self.wait_for_state("executor", ACTIVE, alive)
        self.transition("executor", DEACTIVATE)

    def set_scene(self, scene: int, task: Task, start: str = "random") -> None:
        """Begin an episode of the simulated arm, as `show_scene` does, and say what is to be
        done."""
        self.clock.stop_at(self.clock.now_ns)
        self.set_parameter("sim", "start", start)
        self.tell("sim/set_task", task.instruction)
        self.show_scene(scene)
        self.tell("policy/set_instruction", task.instruction)

    def show_scene(self, scene: int) -> None:
        """Begin an episode of the simulator while nothing moves the arm; the clock stands then."""
        self.clock.stop_at(self.clock.now_ns)
        self.set_parameter("sim", "seed", scene)
        self.trigger("sim/reset")
        self.clock.stop_at(self.clock.next_ns + SETTLE_NS)
        if not self.spin_until(
            lambda: self._scene == scene and not self.succeeded, SERVICE_WAIT_S
        ):
            raise UserError(f"the simulator did not show scene {scene}: see its output")

    def change_task(self, task: Task) -> None:
        """Ask for something else in the scene as it is; what was done before counts no more."""
        self.succeeded = False
        self._note_success(None)
        self.tell("sim/set_task", task.instruction)
        self.tell("policy/set_instruction", task.instruction)

    def start_policy(self) -> None:
        """Start the policy, so that the arm moves."""
        self.clock.stop_at(self.clock.now_ns)
        self.transition("executor", ACTIVATE)
        self.transition("policy", ACTIVATE)
        namespace = self.get_namespace().rstrip("/")
        self.clock.wait_for_members([f"{namespace}/executor", f"{namespace}/policy"])
        self.began_ns = self.clock.now_ns
        self.clock.go_on()

    def watch_for(
        self, condition: Callable[[], bool], until_ns: int, alive: Callable[[], bool]
    ) -> bool:
        """Whether a condition comes true before a time of the clock; UserError if nodes end."""

        def over() -> bool:
            return condition() or self.clock.now_ns >= until_ns

        while not self.spin_until(over, LOOK_S):
            if not alive():
                raise UserError("the nodes have ended: see their output")
        return condition()

    def stop_policy(self) -> None:
        """The arm is at rest when this returns."""
        self.clock.go_on()
        self.transition("policy", DEACTIVATE)
        self.transition("executor", DEACTIVATE)

    def _on_success(self, message: Bool) -> None:
        self.succeeded = message.data
        if not message.data:
            self._note_success(None)
        elif self._real_time:
            self._note_success(self.clock.now_ns)

    def _on_tick(self, now_ns: int) -> None:
        # The message itself carries no time.
        if self.succeeded and self.succeeded_ns is None:
            self._note_success(now_ns)

    def _note_success(self, time_ns: int | None) -> None:
        self.succeeded_ns = time_ns

    def _on_seed(self, message: Int64) -> None:
        self._scene = message.data
