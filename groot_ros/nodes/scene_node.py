"""A node that sets up scenes of the simulated arm and starts and stops its policy."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import Bool, Int64

from groot_ros.errors import UserError
from groot_ros.nodes.operator_node import (
    ACTIVATE,
    ACTIVE,
    DEACTIVATE,
    INACTIVE,
    SERVICE_WAIT_S,
    OperatorNode,
)
from groot_ros.sim.tasks import Task

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Pictures and states of the scene before are no longer on their way after this.
SETTLE_S = 0.3


class SceneNode(OperatorNode):
    """Knows from the simulator itself which scene it shows and whether the task is done."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.succeeded = False
        self._scene = -1
        self.create_subscription(Bool, "sim/success", self._on_success, LATCHED)
        self.create_subscription(Int64, "sim/seed", self._on_seed, LATCHED)

    def wait_for_nodes(self, alive: Callable[[], bool]) -> None:
        """Wait for policy and executor; both are inactive then."""
        self.wait_for_state("policy", INACTIVE, alive)
        # The launch file activates it as soon as it is configured.
        self.wait_for_state("executor", ACTIVE, alive)
        self.transition("executor", DEACTIVATE)

    def set_scene(self, scene: int, task: Task, start: str = "random") -> None:
        """Begin an episode of the simulator while nothing moves the arm."""
        self.set_parameter("sim", "seed", scene)
        self.set_parameter("sim", "start", start)
        self.tell("sim/set_task", task.instruction)
        self.trigger("sim/reset")
        if not self.spin_until(
            lambda: self._scene == scene and not self.succeeded, SERVICE_WAIT_S
        ):
            raise UserError(f"the simulator did not show scene {scene}: see its output")
        self.spin_until(lambda: False, SETTLE_S)
        self.tell("policy/set_instruction", task.instruction)

    def change_task(self, task: Task) -> None:
        """Ask for something else in the scene as it is."""
        self.tell("sim/set_task", task.instruction)
        self.tell("policy/set_instruction", task.instruction)

    def start_policy(self) -> None:
        """From now on the arm moves."""
        self.transition("executor", ACTIVATE)
        self.transition("policy", ACTIVATE)

    def stop_policy(self) -> None:
        """The arm is at rest when this returns."""
        self.transition("policy", DEACTIVATE)
        self.transition("executor", DEACTIVATE)

    def _on_success(self, message: Bool) -> None:
        self.succeeded = message.data

    def _on_seed(self, message: Int64) -> None:
        self._scene = message.data
