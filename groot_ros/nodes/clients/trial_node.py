"""A node that runs trials on a robot: home, a task of the policy, what the cameras see of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lifecycle_msgs.srv import GetState
from rclpy.action import ActionClient

from groot_ros.chunks.takeover.turn import Control
from groot_ros.demo.mp4 import Moment
from groot_ros.demo.trial_film import film_frame
from groot_ros.errors import UserError
from groot_ros.nodes.clients.operator_node import (
    ACTIVATE,
    ACTIVATING,
    ACTIVE,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    INACTIVE,
    SERVICE_WAIT_S,
    OperatorNode,
)
from groot_ros.nodes.messages import to_duration
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.policies.checkpoint.folder import find_checkpoint
from groot_ros.policies.factory import AUTO
from groot_ros.robot.config import RobotConfig, with_max_ages
from groot_ros_msgs.action import RunPolicy
from groot_ros_msgs.msg import ExecutorState

FILM_RATE_HZ = 5
HOME_WAIT_S, GOAL_WAIT_S = 120.0, 60.0
# States of the executor that may be on their way when it is sent home.
ON_THEIR_WAY = 3


@dataclass(frozen=True)
class TrialEnd:
    """How a task of the policy ended: the key that was pressed, empty for none, and why."""

    key: str
    reason: str
    duration_s: float


class TrialNode(OperatorNode):
    """Talks to `policy` and `executor`, which run; a film is kept while a task is under way."""

    def __init__(self, robot: RobotConfig) -> None:
        super().__init__("trials")
        self.film: list[Moment] = []
        self._robot, self._is_filmed = robot, False
        self._state, self._heard = ExecutorState(), 0
        self.create_subscription(ExecutorState, "executor/state", self._on_state, 10)
        self._tasks = ActionClient(self, RunPolicy, "policy/run_policy")
        cameras = robot.observations.cameras
        # Whatever clock they are stamped by, the newest pictures are what the cameras see now.
        self._buffer = ObservationBuffer(with_max_ages(robot, math.inf, math.inf), [], cameras)
        self._streams = StreamSubscriptions(self, self._buffer) if cameras else None
        self.create_timer(1.0 / FILM_RATE_HZ, self._look)

    def wait_for_nodes(self) -> None:
        """The executor is active and the policy is not when this returns."""
        self.wait_for_state("executor", ACTIVE, lambda: True)
        self._let_rest()

    def _let_rest(self) -> None:
        # Ctrl-C may have come while it was activated, or the node may have refused to be.
        self.spin_until(lambda: self._policy_state() != ACTIVATING, SERVICE_WAIT_S)
        if self._policy_state() == ACTIVE:
            self.transition("policy", DEACTIVATE)

    def load(self, checkpoint: str) -> None:
        """Let the policy node load a checkpoint."""
        folder = find_checkpoint(Path(checkpoint))
        if self._policy_state() == INACTIVE:
            self.transition("policy", CLEANUP)
        for name, value in (
            ("policy", "local"),
            ("checkpoints_dir", str(folder.resolve())),
            ("checkpoint", ""),
            ("variant", AUTO),
        ):
            self.set_parameter("policy", name, value)
        self.transition("policy", CONFIGURE)

    def _policy_state(self) -> int:
        answer = self._call(GetState, "policy/get_state", GetState.Request())
        if answer is None:
            raise UserError(
                "no policy node answers: start `ros2 launch groot_ros policy.launch.py robot:=...`"
            )
        return int(answer.current_state.id)

    def go_home(self) -> None:
        """The arm is home when this returns; UserError where it does not get there."""
        self.trigger("executor/go_home")
        late = self._heard + ON_THEIR_WAY

        def is_over() -> bool:
            return self._heard > late and self._state.control != Control.HOME.value

        is_in_time, state = self.spin_until(is_over, HOME_WAIT_S), self._state
        is_free = state.control == Control.POLICY.value and not state.needs_resume
        if not is_in_time or not is_free or state.operator_hint:
            why = state.stop_reason or f"{state.control or 'nobody'} moves it"
            problem = state.operator_hint or f"the arm did not get home: {why}"
            raise UserError(f"{problem}; see that its way is free")

    def run_task(self, instruction: str, limit_s: float, pressed: Callable[[], str]) -> TrialEnd:
        """Let the policy work until it is done, the time is over or a key is pressed."""
        self.film = []
        key = reason = ""
        try:
            self.transition("policy", ACTIVATE)
            self._is_filmed = True
            started_s = time.monotonic()
            goal = RunPolicy.Goal(instruction=instruction)
            goal.max_duration = to_duration(round(limit_s * 1e9))
            if not self._tasks.wait_for_server(GOAL_WAIT_S):
                raise UserError("policy/run_policy does not answer: see the policy node's output")
            sent = self._tasks.send_goal_async(goal)
            self.spin_until(sent.done, GOAL_WAIT_S)
            handle = sent.result()
            if handle is None or not handle.accepted:
                raise UserError("the policy node took no task: see its output")
            result = handle.get_result_async()

            def is_over() -> bool:
                nonlocal key
                key = pressed()
                return bool(key) or result.done()

            self.spin_until(is_over, limit_s + GOAL_WAIT_S)
            if result.done():
                reason = result.result().result.message
        finally:
            self._is_filmed = False
            self._let_rest()
        return TrialEnd(key, reason or "the operator's key", time.monotonic() - started_s)

    def close(self) -> None:
        """Listen to the cameras no more."""
        if self._streams:
            self._streams.close()

    def _on_state(self, message: ExecutorState) -> None:
        self._state, self._heard = message, self._heard + 1

    def _look(self) -> None:
        if not (self._is_filmed and self._streams):
            return
        with suppress(NotReady, UserError):
            now_ns = int(self.get_clock().now().nanoseconds)
            observation, _ = self._buffer.observe(now_ns, "")
            self.film.append((time.monotonic_ns(), film_frame(observation.images)))
