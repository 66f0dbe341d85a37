"""Detection of a finished task: by a topic, or by an arm that stands still."""

from __future__ import annotations

from std_msgs.msg import Bool

from groot_ros.errors import UserError
from groot_ros.nodes.lifecycle import GuardedLifecycleNode
from groot_ros.nodes.policy.policy_parameters import PolicyParameters
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.policies.task_end import Stillness
from groot_ros.robot.config import RobotConfig
from groot_ros.robot.topic import TOPIC, is_topic


class TaskEnds:
    """Detects a finished task; belongs to the node's callbacks, which run one after the other."""

    def __init__(
        self,
        node: GuardedLifecycleNode,
        parameters: PolicyParameters,
        robot: RobotConfig,
        buffer: ObservationBuffer,
    ) -> None:
        self._node, self._buffer = node, buffer
        self._topic, self._still_for_s = parameters.success_topic, parameters.still_for
        self._is_said = False
        self._stillness = Stillness(self._still_for_s) if self._still_for_s else None
        specs = [robot.observations.spec(name) for name in buffer.fields]
        self._motions = [spec for spec in specs if spec.kind.is_motion]
        if self._stillness and not self._motions:
            raise UserError(
                "parameter still_for asks for an arm that stands, and this policy observes "
                "neither joints nor pose: use success_topic"
            )
        if self._topic and not is_topic(self._topic):
            raise UserError(f"parameter success_topic is {self._topic!r}, expected {TOPIC}")
        self._subscription = (
            node.create_subscription(Bool, self._topic, self._on_success, 1)
            if self._topic
            else None
        )

    def close(self) -> None:
        """Destroy the subscription."""
        if self._subscription:
            self._node.destroy_subscription(self._subscription)

    def restart(self) -> None:
        """Restart the detection, at the beginning of a task."""
        self._is_said = False
        if self._stillness:
            self._stillness.restart()

    def interrupt(self) -> None:
        """Restart the duration of stillness, because somebody else than the policy controls the
        arm."""
        if self._stillness:
            self._stillness.interrupt()

    def reason(self) -> str:
        """Why the task is finished, in words; empty while it is not."""
        if self._is_said:
            return f"{self._topic} says that the task is done"
        if self._stillness and self._stands(self._stillness):
            return f"the arm has been still for {self._still_for_s:g} s"
        return ""

    def _stands(self, stillness: Stillness) -> bool:
        now_ns = self._node.now_ns()
        try:
            values = {spec: self._buffer.newest_state(spec.name, now_ns) for spec in self._motions}
        except NotReady:
            stillness.interrupt()
            return False
        return stillness.seen(values, now_ns)

    def _on_success(self, message: Bool) -> None:
        self._is_said |= message.data
