"""Lifecycle node that runs a policy on live topics and publishes what it wants to do."""

from __future__ import annotations

import sys
import time
from typing import Any

from std_srvs.srv import Trigger

from groot_ros.chunks.execution.strategies import AUTO, RTC, chosen
from groot_ros.chunks.message import MAX_TEXT_LENGTH
from groot_ros.chunks.progress import Progress
from groot_ros.chunks.takeover.turn import Control
from groot_ros.nodes import parameters
from groot_ros.nodes.diagnostics import DiagnosticsPublisher
from groot_ros.nodes.lifecycle import GuardedLifecycleNode, run_node
from groot_ros.nodes.policy.chunk_publisher import ChunkPublisher, CodecName
from groot_ros.nodes.policy.policy_parameters import PolicyParameters
from groot_ros.nodes.policy.run_policy import RunPolicyServer
from groot_ros.nodes.policy.task_ends import TaskEnds
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.observation.buffer import Ages, ObservationBuffer
from groot_ros.observation.fields import to_ns
from groot_ros.observation.types import Observation
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import MODELS, PolicyChoice, chosen_codec, make_policy
from groot_ros.policies.inference import InferenceLoop
from groot_ros.policies.inference_types import LoopSettings
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policy import Policy
from groot_ros.robot.config import RobotConfig, load_robot, with_max_ages
from groot_ros.timing.latency import Latency
from groot_ros.timing.lockstep import Inbox, Tick
from groot_ros.timing.turns import LockstepTurns
from groot_ros_msgs.msg import ExecutorState
from groot_ros_msgs.srv import SetInstruction

# The process has two seconds to end; what is left of an inference is abandoned after this.
CLOSE_TIMEOUT_S = 1.0
# Parameters that may change while the node works, and the fields of LoopSettings that they are.
SETTINGS = {
    "replan_rate": "rate_hz",
    "replan_steps": "replan_steps",
    "replan_remaining": "replan_remaining_s",
}


class PolicyNode(GuardedLifecycleNode):
    """Codec and policy on live topics: observation in, ActionChunk and trajectories out.

    A thin adapter: what the policy does and has done belongs to the InferenceLoop, which the
    callbacks here only tell what they heard.
    """

    NAME = "policy"
    PARAMETERS = PolicyParameters
    _loop: InferenceLoop | None = None
    _streams: StreamSubscriptions | None = None
    _outlet: ChunkPublisher | None = None
    _policy: Policy | None = None
    _turns: LockstepTurns | None = None

    def configure(self) -> None:
        p = parameters.read(self, PolicyParameters)
        robot = with_max_ages(load_robot(p.robot), p.state_max_age, p.camera_max_age)
        self._policy = self._open_policy(p, robot)
        self._strategy = self._choose_strategy(p.strategy, self._policy)
        inputs = self._policy.inputs
        self._buffer = ObservationBuffer(robot, inputs.fields, inputs.cameras, inputs.past_ns)
        self._outlet = ChunkPublisher(self, robot, _codec_name(p, robot))
        self._turns = self._lockstep_turns(p)
        self._progress: Inbox[ExecutorState] = Inbox()
        self._loop = InferenceLoop(
            policy=self._policy,
            observe=self._observe,
            outlet=self._outlet,
            now_ns=self.now_ns,
            instruction=p.instruction,
            settings=LoopSettings(
                rate_hz=p.replan_rate,
                replan_steps=p.replan_steps,
                replan_remaining_s=p.replan_remaining,
                continues=self._strategy == RTC,
            ),
            turns=self._turns,
        )
        self._streams = StreamSubscriptions(
            self, self._buffer, self._loop.notify, self.stream_reliability
        )
        self._executor_states = self.create_subscription(
            ExecutorState, p.executor_state_topic, self._on_executor_state, 1
        )
        self._task_ends = TaskEnds(self, p, robot, self._buffer)
        self._create_services(self._loop)
        self._diagnostics = DiagnosticsPublisher(self, self._status)

    def _lockstep_turns(self, p: PolicyParameters) -> LockstepTurns | None:
        if self.lockstep is None:
            return None
        latency = Latency(p.latency, p.jitter, p.loss, max(p.seed, 0))
        return LockstepTurns(latency, self.lockstep.review)

    def _open_policy(self, p: PolicyParameters, robot: RobotConfig) -> Policy:
        policy = make_policy(_choice(p), robot)
        started_s = time.monotonic()
        policy.open()
        seconds = time.monotonic() - started_s
        self.get_logger().info(f"policy {p.policy} is loaded and warm after {seconds:.1f} s")
        return policy

    def _choose_strategy(self, asked: str, policy: Policy) -> str:
        obstacle = policy.no_continuation
        strategy = chosen(asked, obstacle)
        why = f": {obstacle}" if asked == AUTO and obstacle else ""
        self.get_logger().info(f"strategy {strategy}{why}")
        if asked == RTC and obstacle:
            self.get_logger().warning(
                f"strategy rtc continues no chunk here: {obstacle}; auto chooses what can"
            )
        return strategy

    def _create_services(self, loop: InferenceLoop) -> None:
        self._own_services = [
            self.create_service(SetInstruction, "~/set_instruction", self._on_set_instruction),
            self.create_service(Trigger, "~/reset", self._on_reset),
            self.create_service(Trigger, "~/start", self._on_start),
            self.create_service(Trigger, "~/stop", self._on_stop),
        ]
        self._run_policy = RunPolicyServer(self, loop, self._task_ends)

    def activate(self) -> None:
        assert self._loop is not None
        if self._turns:
            self._turns.enter()
        self._loop.start()

    def deactivate(self) -> None:
        if self._loop:
            self._loop.release()
        if self._turns:
            self._turns.leave()

    def cleanup(self) -> None:
        if self._streams:
            self._run_policy.close()
            self._task_ends.close()
            self._diagnostics.close()
            self._streams.close()
            self.destroy_subscription(self._executor_states)
            for service in self._own_services:
                self.destroy_service(service)
            self._streams = None
        idle = self._loop.close(CLOSE_TIMEOUT_S) if self._loop else True
        self._loop = None
        if self._outlet:
            self._outlet.close()
            self._outlet = None
        if self._policy and idle:
            self._policy.close()
        self._policy = None

    def parameter_changed(self, name: str, value: Any) -> None:
        if self._loop is None:
            return
        if name == "instruction":
            self._loop.reset(value)
        elif field := SETTINGS.get(name):
            self._loop.change(**{field: value})

    def handle_tick(self, tick: Tick) -> bool:
        """Take the executor's progress, begin an inference, and publish the chunk that is due."""
        assert self.lockstep and self._turns
        announced = self.lockstep.announced(self._executor_states.topic_name)
        for message in self._progress.take(announced):
            self._measured(message)
        return self._turns.handle(tick.stamp_ns, tick.next_ns)

    def _on_executor_state(self, message: ExecutorState, info: dict[str, Any]) -> None:
        if self.lockstep:
            self._progress.put(info["publication_sequence_number"], message)
        else:
            self._measured(message)

    def _measured(self, message: ExecutorState) -> None:
        if message.control != Control.POLICY.value:
            self._task_ends.interrupt()
        if self._loop and message.chunk_id:
            self._loop.measured(
                bytes(message.activation),
                Progress(
                    stamp_ns=to_ns(message.header.stamp),
                    chunk_id=message.chunk_id,
                    epoch=message.epoch,
                    step=message.step,
                    rate=message.time_scale,
                    delay_steps=message.delay,
                ),
            )

    def _observe(self, instruction: str, after_ns: int) -> tuple[Observation, Ages] | None:
        """Called from the inference thread."""
        return self._buffer.observe_newer(self.now_ns(), instruction, after_ns)

    def _on_set_instruction(
        self, request: SetInstruction.Request, response: SetInstruction.Response
    ) -> SetInstruction.Response:
        assert self._loop is not None
        length = len(request.instruction)
        response.success = bool(request.instruction.strip()) and length <= MAX_TEXT_LENGTH
        if response.success:
            self._loop.reset(request.instruction)
            response.message = f"now: {request.instruction}"
        elif length > MAX_TEXT_LENGTH:
            response.message = (
                f"the instruction has {length} characters, expected at most {MAX_TEXT_LENGTH}"
            )
        else:
            response.message = "the instruction is empty, expected what to do in words"
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        assert self._loop is not None
        self._loop.reset()
        response.success, response.message = True, "a new episode begins"
        return response

    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        assert self._loop is not None
        response.success = self.is_active
        if self.is_active:
            self._loop.start()
        response.message = "running" if self.is_active else "activate the node first"
        return response

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        assert self._loop is not None
        if self._loop.running:
            self._loop.stop()
        response.success, response.message = True, "stopped; ~/start goes on"
        return response

    def _status(self) -> tuple[str, dict[str, str]]:
        """Problem, empty when there is none, and what an operator may want to know."""
        assert self._loop is not None
        loop, counts = self._loop, self._loop.counts
        verdict = loop.verdict
        waiting = f"waiting: {loop.waiting_for}" if loop.waiting_for else ""
        return loop.failure or waiting or verdict.reason, {
            "instruction": loop.instruction,
            "strategy": self._strategy,
            "running": str(loop.running).lower(),
            "chunks": str(counts.chunks),
            "inference rate [Hz]": f"{counts.rate_hz:.2f}",
            "chunks void": str(counts.void),
            "inferences failed": str(counts.failed),
            "grade": verdict.grade.name.lower(),
        }


def _codec_name(p: PolicyParameters, robot: RobotConfig) -> CodecName:
    """The codec of a node's policy; a scripted one has none."""
    if p.policy not in MODELS:
        return CodecName()
    file = chosen_codec(_choice(p))
    return CodecName(file.name, file.codec(robot).fingerprint)


def _choice(p: PolicyParameters) -> PolicyChoice:
    return PolicyChoice(
        policy=p.policy,
        variant=p.variant,
        local=LocalPolicyConfig(
            checkpoints_dir=p.checkpoints_dir,
            checkpoint=p.checkpoint,
            device=p.device,
            dtype=p.dtype,
            action_rate_hz=p.action_rate,
            seed=p.seed if p.seed >= 0 else None,
            compile=p.compile,
        ),
        remote=RemoteConfig(
            url=p.policy_url,
            timeout_s=p.policy_timeout,
            jpeg_quality=p.policy_jpeg_quality,
            token_env=p.policy_token_env,
            action_rate_hz=p.action_rate,
        ),
    )


def main() -> int:
    """Entry point of `ros2 run groot_ros policy_node`."""
    return run_node(PolicyNode)


if __name__ == "__main__":
    sys.exit(main())
