"""Lifecycle node that runs a policy on live topics and publishes what it wants to do."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Any
from uuid import uuid4

import numpy as np
from geometry_msgs.msg import PoseArray
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import PointCloud2
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, MultiDOFJointTrajectory

from groot_ros.buffer import Ages, ObservationBuffer
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.grading import Verdict
from groot_ros.chunks.progress import Continuation, Prefix, Progress, Replanning
from groot_ros.codecs.catalog import find_variant
from groot_ros.codecs.types import Observation
from groot_ros.inference import Inference, InferenceLoop
from groot_ros.nodes import parameters
from groot_ros.nodes.diagnostics import DiagnosticsPublisher
from groot_ros.nodes.lifecycle import GuardedLifecycleNode, run_node
from groot_ros.nodes.messages import (
    chunk_cloud,
    ee_trajectory,
    joint_trajectory,
    to_action_chunk,
    to_ns,
    to_pose,
)
from groot_ros.nodes.policy_parameters import PolicyParameters
from groot_ros.nodes.run_policy import RunPolicyServer
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.picture_watch import PictureWatch
from groot_ros.policies.factory import PolicyChoice, make_policy
from groot_ros.policies.remote_connection import RemoteConfig
from groot_ros.robot import RobotConfig, load_robot, with_max_ages
from groot_ros_msgs.msg import ActionChunk, ChunkReport, ExecutorState
from groot_ros_msgs.srv import SetInstruction

# A chunk that the executor could not take at once is worth nothing when the next one is there.
CHUNK_QOS = QoSProfile(depth=1)
# A rviz2 or Foxglove that joins late wants to see the newest report.
REPORT_QOS = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# The process has two seconds to end; what is left of an inference is abandoned after this.
CLOSE_TIMEOUT_S = 1.0
PUBLISHERS = (
    "_chunks",
    "_reports",
    "_chunk_poses",
    "_clouds",
    "_joint_trajectories",
    "_ee_trajectories",
)


class PolicyNode(GuardedLifecycleNode):
    """Codec and policy on live topics: observation in, ActionChunk and trajectories out."""

    NAME = "policy"
    PARAMETERS = PolicyParameters
    _loop: InferenceLoop | None = None
    _streams: StreamSubscriptions | None = None
    _policy: Any = None

    def configure(self) -> None:
        self._settings = parameters.read(self, PolicyParameters)
        p = self._settings
        self._robot = with_max_ages(load_robot(p.robot), p.state_max_age, p.camera_max_age)
        self._policy = self._open_policy(self._robot)
        self._activation = np.zeros(16, np.uint8)
        self._codec = self._codec_of(p.policy, p.variant)
        self._chunk_id = 0
        self._last_chunk: Chunk | None = None
        self._continuation = Continuation()
        self._pictures = PictureWatch()
        self._replanning = Replanning(p.replan_steps, p.replan_remaining)
        self._create_publishers()
        inputs = self._policy.inputs
        self._buffer = ObservationBuffer(self._robot, inputs.fields, inputs.cameras)
        self._loop = InferenceLoop(
            policy=self._policy,
            observe=self._observe,
            publish=self._publish,
            warn=lambda sentence: self.get_logger().warning(sentence),
            instruction=p.instruction,
            rate_hz=p.replan_rate,
            is_due=self._is_due,
            prefix=self._prefix,
            lost=self._cancel_motion,
        )
        self._streams = StreamSubscriptions(self, self._buffer, self._loop.notify)
        self._executor_states = self.create_subscription(
            ExecutorState, p.executor_state_topic, self._on_executor_state, 1
        )
        self._create_services(self._loop)
        self._diagnostics = DiagnosticsPublisher(self, self._status)

    def _open_policy(self, robot: RobotConfig) -> Any:
        p = self._settings
        choice = PolicyChoice(
            p.policy,
            p.variant,
            p.checkpoints_dir,
            p.checkpoint,
            p.device,
            p.dtype,
            p.action_rate,
            compile=p.compile,
            remote=RemoteConfig(
                p.policy_url,
                p.policy_timeout,
                p.policy_jpeg_quality,
                p.policy_token_env,
                p.action_rate,
            ),
        )
        policy = make_policy(choice, robot)
        started_s = time.monotonic()
        policy.open()
        seconds = time.monotonic() - started_s
        self.get_logger().info(f"policy {p.policy} is loaded and warm after {seconds:.1f} s")
        return policy

    def _codec_of(self, policy: str, variant: str) -> tuple[str, str]:
        """Name and fingerprint of the codec; a scripted policy has none."""
        if policy == "scripted":
            return "", ""
        return variant, find_variant(variant).codec(self._robot).fingerprint

    def _create_publishers(self) -> None:
        create = self.create_lifecycle_publisher
        self._chunks = create(ActionChunk, "~/action_chunk", CHUNK_QOS)
        self._reports = create(ChunkReport, "~/chunk_report", REPORT_QOS)
        self._joint_trajectories = create(JointTrajectory, "~/joint_trajectory", CHUNK_QOS)
        self._chunk_poses = create(PoseArray, "~/chunk_poses", CHUNK_QOS)
        self._clouds = create(PointCloud2, "~/chunk_cloud", CHUNK_QOS)
        self._ee_trajectories = create(MultiDOFJointTrajectory, "~/ee_trajectory", CHUNK_QOS)

    def _create_services(self, loop: InferenceLoop) -> None:
        self._own_services = [
            self.create_service(SetInstruction, "~/set_instruction", self._on_set_instruction),
            self.create_service(Trigger, "~/reset", self._on_reset),
            self.create_service(Trigger, "~/start", self._on_start),
            self.create_service(Trigger, "~/stop", self._on_stop),
        ]
        self._run_policy = RunPolicyServer(self, loop, self._start, self._stop)

    def activate(self) -> None:
        self._activation = np.frombuffer(uuid4().bytes, np.uint8)
        self._start(None)

    def deactivate(self) -> None:
        if self._loop and self._loop.running:
            self._stop()

    def cleanup(self) -> None:
        if self._streams:
            self._run_policy.close()
            self._diagnostics.close()
            self._streams.close()
            self.destroy_subscription(self._executor_states)
            for service in self._own_services:
                self.destroy_service(service)
            self._streams = None
        for name in PUBLISHERS:
            if publisher := self.__dict__.pop(name, None):
                self.destroy_lifecycle_publisher(publisher)
        idle = self._loop.close(CLOSE_TIMEOUT_S) if self._loop else True
        self._loop = None
        if self._policy and idle:
            self._policy.close()
        self._policy = None

    def parameter_changed(self, name: str, value: Any) -> None:
        if self._loop and name == "instruction":
            self._set_instruction(value)
        elif self._loop and name == "replan_rate":
            self._loop.rate_hz = value
        elif self._loop and name in ("replan_steps", "replan_remaining"):
            field = "steps" if name == "replan_steps" else "remaining_s"
            self._replanning = replace(self._replanning, **{field: value})

    def _on_executor_state(self, message: ExecutorState) -> None:
        if message.chunk_id:
            self._continuation.measured(
                Progress(
                    to_ns(message.header.stamp),
                    message.chunk_id,
                    message.epoch,
                    message.step,
                    message.time_scale,
                    message.delay,
                )
            )

    def _is_due(self) -> bool:
        progress = self._continuation.progress
        if progress is not None and progress.chunk_id != self._chunk_id:
            progress = None
        now_ns = self.get_clock().now().nanoseconds
        return self._replanning.is_due(now_ns, self._last_chunk, progress)

    def _prefix(self, stamp_ns: int) -> Prefix | None:
        return self._continuation.prefix(stamp_ns) if self._settings.strategy == "rtc" else None

    def _observe(self, instruction: str, after_ns: int) -> tuple[Observation, Ages] | None:
        now_ns = self.get_clock().now().nanoseconds
        if self._buffer.observation_stamp_ns(now_ns) <= after_ns:
            return None
        seen = self._buffer.observe(now_ns, instruction)
        self._pictures.check(seen[0])
        return seen

    def _publish(self, inference: Inference) -> None:
        """Called from the inference thread."""
        started_s = time.monotonic()
        self._chunk_id += 1
        message = self._chunk_message(inference)
        now_ns = self.get_clock().now().nanoseconds
        age_s = (now_ns - inference.chunk.stamp_ns) / 1e9
        self._continuation.published(self._chunk_id, inference.chunk, now_ns)
        self._last_chunk = inference.chunk
        self._chunks.publish(message)
        if (poses := inference.chunk.ee_pose) is not None:
            self._publish_cloud(inference.chunk)
            self._chunk_poses.publish(
                PoseArray(header=message.header, poses=[to_pose(pose) for pose in poses])
            )
        self._publish_trajectory(inference)
        report = ChunkReport(
            source=ChunkReport.POLICY,
            activation=message.activation,
            chunk_id=message.chunk_id,
            epoch=message.epoch,
            horizon=message.horizon,
            observation_age=age_s,
            input_names=list(inference.ages.by_stream),
            input_ages=list(inference.ages.by_stream.values()),
            queue_time=inference.queue_s,
            decode_time=inference.decode_s,
            model_time=inference.model_s,
            publish_time=time.monotonic() - started_s,
            grade=message.grade,
            grade_reason=message.grade_reason,
            network_time=inference.chunk.round_trip.network_s,
            server_time=inference.chunk.round_trip.server_s,
        )
        report.header.stamp = self.get_clock().now().to_msg()
        report.header.frame_id = message.header.frame_id
        self._reports.publish(report)

    def _chunk_message(self, inference: Inference) -> ActionChunk:
        message = to_action_chunk(inference.chunk, self._robot.base_frame, self._joint_names)
        message.chunk_id = self._chunk_id
        message.instruction = inference.instruction
        self._sign(message)
        return message

    def _sign(self, message: ActionChunk) -> None:
        """Say whose chunk it is, and in which codec the policy thinks."""
        message.activation = self._activation
        message.codec, message.codec_hash = self._codec

    @property
    def _joint_names(self) -> tuple[str, ...]:
        stream = self._robot.observations.joint_position
        return stream.joints if stream else ()

    def _publish_cloud(self, chunk: Chunk) -> None:
        if self._clouds.get_subscription_count():
            self._clouds.publish(chunk_cloud(chunk, self._robot.base_frame))

    def _publish_trajectory(self, inference: Inference) -> None:
        chunk = inference.chunk
        if chunk.ee_pose is not None:
            tool = f"{self._robot.name}_tcp"
            self._ee_trajectories.publish(ee_trajectory(chunk, self._robot.base_frame, tool))
        if chunk.joint_position is not None:
            self._joint_trajectories.publish(joint_trajectory(chunk, self._joint_names))

    def _start(self, instruction: str | None) -> None:
        assert self._loop is not None
        self._cancel_motion(self._loop.start(instruction))

    def _stop(self) -> None:
        assert self._loop is not None
        self._cancel_motion(self._loop.stop())

    def _cancel_motion(self, epoch: int) -> None:
        """Tell the executor that everything before this epoch is void."""
        self._continuation.forget()
        self._pictures = PictureWatch()
        self._last_chunk = None
        message = ActionChunk(epoch=epoch)
        self._sign(message)
        message.header.stamp = self.get_clock().now().to_msg()
        message.header.frame_id = self._robot.base_frame
        self._chunks.publish(message)

    def _set_instruction(self, instruction: str) -> None:
        assert self._loop is not None
        self._cancel_motion(self._loop.reset(instruction))

    def _on_set_instruction(
        self, request: SetInstruction.Request, response: SetInstruction.Response
    ) -> SetInstruction.Response:
        response.success = bool(request.instruction.strip())
        if response.success:
            self._set_instruction(request.instruction)
            response.message = f"now: {request.instruction}"
        else:
            response.message = "the instruction is empty, expected what to do in words"
        return response

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        assert self._loop is not None
        self._cancel_motion(self._loop.reset())
        response.success, response.message = True, "a new episode begins"
        return response

    def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self.is_active
        if self.is_active:
            self._start(None)
        response.message = "running" if self.is_active else "activate the node first"
        return response

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        assert self._loop is not None
        if self._loop.running:
            self._stop()
        response.success, response.message = True, "stopped; ~/start goes on"
        return response

    def _status(self) -> tuple[str, dict[str, str]]:
        """Problem, empty when there is none, and what an operator may want to know."""
        assert self._loop is not None
        loop, counts = self._loop, self._loop.counts
        chunk = self._last_chunk
        verdict = chunk.verdict if chunk else Verdict()
        waiting = f"waiting: {loop.waiting_for}" if loop.waiting_for else ""
        return loop.failure or waiting or verdict.reason, {
            "instruction": loop.instruction,
            "running": str(loop.running).lower(),
            "chunks": str(counts.chunks),
            "inference rate [Hz]": f"{counts.rate_hz:.2f}",
            "chunks void": str(counts.void),
            "inferences failed": str(counts.failed),
            "grade": verdict.grade.name.lower(),
        }


def main() -> int:
    """Entry point of `ros2 run groot_ros policy_node`."""
    return run_node(PolicyNode)


if __name__ == "__main__":
    sys.exit(main())
