"""A node that watches a run from outside and starts and stops the policy."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import rclpy
from geometry_msgs.msg import PoseStamped
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float64

from groot_ros.buffer import pick_joints
from groot_ros.demo.trace import ExecutedChunk, Picture, PublishedChunk, Sample, Trace
from groot_ros.errors import UserError
from groot_ros.image_messages import image_to_rgb
from groot_ros.nodes.messages import NS, from_action_chunk, from_pose, to_ns
from groot_ros.nodes.streams import IMAGE_QOS, STATE_QOS
from groot_ros.robot import RobotConfig
from groot_ros_msgs.msg import ActionChunk, ChunkReport

LATCHED = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
SPIN_S = 0.05
SERVICE_WAIT_S = 30.0


class WitnessNode(Node):
    """Collects a Trace of what the policy, the executor and the robot say."""

    def __init__(self, robot: RobotConfig, trace: Trace) -> None:
        super().__init__("witness")
        self._trace = trace
        self._robot = robot
        self._watching = False
        streams, commands = robot.observations, robot.commands
        subscribe = self.create_subscription
        for name, camera in streams.cameras.items():
            subscribe(Image, camera.topic, partial(self._on_image, name), IMAGE_QOS)
        if streams.ee_pose:
            subscribe(PoseStamped, streams.ee_pose.topic, self._on_pose, STATE_QOS)
        if streams.grip:
            subscribe(JointState, streams.grip.topic, self._on_joints, STATE_QOS)
        if commands.ee_pose:
            subscribe(PoseStamped, commands.ee_pose, self._on_command, STATE_QOS)
        if commands.grip:
            subscribe(Float64, commands.grip.topic, self._on_grip_command, STATE_QOS)
        subscribe(ActionChunk, "policy/action_chunk", self._on_chunk, 10)
        subscribe(ChunkReport, "executor/chunk_report", self._on_report, LATCHED)
        subscribe(Bool, "sim/success", self._on_success, LATCHED)

    def watch(self, until: Callable[[Trace], bool], seconds: float) -> None:
        """Collect until the condition holds or the time is over."""
        self._watching = True
        self.spin_until(lambda: until(self._trace), seconds)

    def spin_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came true in time."""
        deadline_s = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline_s:
                return False
            rclpy.spin_once(self, timeout_sec=SPIN_S)
        return True

    def wait_until_configured(self, node: str, seconds: float, alive: Callable[[], bool]) -> None:
        """Wait for a lifecycle node to be inactive or active; UserError when it is not."""
        states = (State.PRIMARY_STATE_INACTIVE, State.PRIMARY_STATE_ACTIVE)
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s and alive():
            answer = self._call(GetState, f"{node}/get_state", GetState.Request(), wait_s=1.0)
            if answer and answer.current_state.id in states:
                return
        raise UserError(f"node {node} was not configured within {seconds:g} s: see its output")

    def transition(self, node: str, transition_id: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition_id))
        answer = self._call(ChangeState, f"{node}/change_state", request, SERVICE_WAIT_S)
        return bool(answer and answer.success)

    def _call(self, kind: type, name: str, request: Any, wait_s: float) -> Any:
        client = self.create_client(kind, name)
        try:
            if not self.spin_until(client.service_is_ready, wait_s):
                return None
            future = client.call_async(request)
            return future.result() if self.spin_until(future.done, wait_s) else None
        finally:
            self.destroy_client(client)

    def _on_image(self, camera: str, message: Image) -> None:
        if self._watching:
            picture = Picture(to_ns(message.header.stamp), image_to_rgb(message))
            self._trace.pictures.setdefault(camera, []).append(picture)

    def _on_pose(self, message: PoseStamped) -> None:
        self._add(self._trace.measured, to_ns(message.header.stamp), from_pose(message.pose))

    def _on_command(self, message: PoseStamped) -> None:
        self._add(self._trace.commanded, to_ns(message.header.stamp), from_pose(message.pose))

    def _on_joints(self, message: JointState) -> None:
        stream = self._robot.observations.grip
        if stream and stream.joint and stream.joint in message.name:
            raw = float(pick_joints([stream.joint], message.name, message.position)[0])
            closure = np.array([stream.closure(raw)])
            self._add(self._trace.measured_grips, to_ns(message.header.stamp), closure)

    def _on_grip_command(self, message: Float64) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self._add(self._trace.commanded_grips, now_ns, np.array([message.data]))

    def _add(self, samples: list[Sample], stamp_ns: int, values: np.ndarray) -> None:
        if self._watching:
            samples.append(Sample(stamp_ns, values))

    def _on_chunk(self, message: ActionChunk) -> None:
        if not self._watching or message.horizon == 0:
            return
        chunk = from_action_chunk(message)
        self._trace.instruction = message.instruction
        published_ns = chunk.stamp_ns + int(message.observation_age * NS)
        self._trace.chunks.append(
            PublishedChunk(chunk, published_ns, message.observation_age, message.model_time)
        )

    def _on_report(self, message: ChunkReport) -> None:
        if self._watching and not message.rejected:
            self._trace.executions.append(
                ExecutedChunk(message.executed_steps, message.dropped_steps, message.starved_steps)
            )

    def _on_success(self, message: Bool) -> None:
        if self._watching:
            self._trace.succeeded = self._trace.succeeded or message.data


def watch_run(
    robot: RobotConfig,
    trace: Trace,
    alive: Callable[[], bool],
    until: Callable[[Trace], bool],
    seconds: float,
) -> None:
    """Activate the policy, watch, deactivate it; UserError when it cannot be started."""
    rclpy.init()
    node = WitnessNode(robot, trace)
    try:
        for name in ("policy", "executor"):
            node.wait_until_configured(name, 60.0, alive)
        if not node.transition("policy", Transition.TRANSITION_ACTIVATE):
            raise UserError("the policy node refused to be activated: see its output")
        node.watch(until, seconds)
        node.transition("policy", Transition.TRANSITION_DEACTIVATE)
        # The report of the last chunk comes once the executor has heard of the end.
        node.spin_until(lambda: False, 0.3)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
