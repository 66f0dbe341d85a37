"""A node that watches a run from outside."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Float64

from groot_ros.cameras.raw_image import image_to_rgb
from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.message import from_action_chunk, malformed
from groot_ros.demo.trace import ExecutedChunk, Picture, PublishedChunk, Sample, Trace
from groot_ros.nodes.clients.operator_node import running_node
from groot_ros.nodes.clients.scene_node import SceneNode
from groot_ros.nodes.qos import REPORTS
from groot_ros.observation.fields import NS, from_pose, to_ns
from groot_ros.observation.signal_messages import pick_joints
from groot_ros.robot.config import RobotConfig
from groot_ros_msgs.msg import ActionChunk, ChunkReport

REPORT_WAIT_S = 0.3
# So that the film shows the end.
AFTERWARDS_NS = NS
# Pictures and states that may wait while this process is busy.
DEPTH = 100


class WitnessNode(SceneNode):
    """Collects a Trace of what the policy, the executor and the robot say."""

    def __init__(self, robot: RobotConfig, real_time: bool = False) -> None:
        super().__init__("witness", real_time)
        self._trace = Trace("")
        self._robot = robot
        self._watching = False
        self._chunks: dict[int, Chunk] = {}
        self._made: dict[int, ChunkReport] = {}
        streams, commands = robot.observations, robot.commands
        subscribe = self.create_subscription
        for name, camera in streams.cameras.items():
            subscribe(Image, camera.topic, partial(self._on_image, name), DEPTH)
        if streams.ee_pose:
            subscribe(PoseStamped, streams.ee_pose.topic, self._on_pose, DEPTH)
        joints = [stream for stream in (streams.joint_position, streams.grip) if stream]
        for topic in dict.fromkeys(stream.topic for stream in joints):
            subscribe(JointState, topic, partial(self._on_joints, topic), DEPTH)
        if commands.ee_pose:
            subscribe(PoseStamped, commands.ee_pose, self._on_command, DEPTH)
        if commands.grip:
            subscribe(Float64, commands.grip.topic, self._on_grip_command, DEPTH)
        subscribe(ActionChunk, "policy/action_chunk", self._on_chunk, 10)
        subscribe(ChunkReport, "policy/chunk_report", self._on_made, 10)
        subscribe(ChunkReport, "executor/chunk_report", self._on_report, REPORTS)

    def watch(self, trace: Trace) -> None:
        """Collect into a trace from now on, whenever the node spins."""
        self._trace = trace
        self._chunks.clear()
        self._made.clear()
        self._watching = True

    def look_away(self) -> None:
        """Collect nothing more."""
        self._watching = False

    def _on_image(self, camera: str, message: Image) -> None:
        if self._watching:
            picture = Picture(to_ns(message.header.stamp), image_to_rgb(message))
            self._trace.pictures.setdefault(camera, []).append(picture)

    def _on_pose(self, message: PoseStamped) -> None:
        self._add(self._trace.measured, to_ns(message.header.stamp), from_pose(message.pose))

    def _on_command(self, message: PoseStamped) -> None:
        self._add(self._trace.commanded, to_ns(message.header.stamp), from_pose(message.pose))

    def _on_joints(self, topic: str, message: JointState) -> None:
        stamp_ns = to_ns(message.header.stamp)
        arm, grip = self._robot.observations.joint_position, self._robot.observations.grip
        if arm and arm.topic == topic and set(arm.joints) <= set(message.name):
            joints = pick_joints(arm.joints, message.name, message.position)
            self._add(self._trace.measured_joints, stamp_ns, joints)
        if grip and grip.topic == topic and grip.joint and grip.joint in message.name:
            raw = float(pick_joints([grip.joint], message.name, message.position)[0])
            self._add(self._trace.measured_grips, stamp_ns, np.array([grip.closure(raw)]))

    def _on_grip_command(self, message: Float64) -> None:
        grip = np.array([message.data])
        self._add(self._trace.commanded_grips, self.clock.now_ns, grip)

    def _add(self, samples: list[Sample], stamp_ns: int, values: np.ndarray) -> None:
        if self._watching:
            samples.append(Sample(stamp_ns, values))

    def _on_chunk(self, message: ActionChunk) -> None:
        # What is no chunk is the executor's to refuse.
        if self._watching and malformed(message) is None:
            self._trace.instruction = message.instruction
            self._chunks[message.chunk_id] = from_action_chunk(message)
            self._pair(message.chunk_id)

    def _on_made(self, message: ChunkReport) -> None:
        if self._watching:
            self._made[message.chunk_id] = message
            self._pair(message.chunk_id)

    def _pair(self, chunk_id: int) -> None:
        """A chunk and how it was made come on two topics, in either order."""
        if chunk_id not in self._chunks or chunk_id not in self._made:
            return
        chunk, made = self._chunks.pop(chunk_id), self._made.pop(chunk_id)
        published_ns = chunk.stamp_ns + int(made.observation_age * NS)
        self._trace.chunks.append(
            PublishedChunk(chunk, published_ns, made.observation_age, made.model_time)
        )

    def _on_report(self, message: ChunkReport) -> None:
        if self._watching and not message.rejected:
            self._trace.executions.append(
                ExecutedChunk(message.executed_steps, message.dropped_steps, message.starved_steps)
            )

    def _note_success(self, time_ns: int | None) -> None:
        super()._note_success(time_ns)
        if self._watching:
            self._trace.succeeded_ns = time_ns


def watch_run(
    robot: RobotConfig,
    trace: Trace,
    alive: Callable[[], bool],
    seconds: float,
    real_time: bool = False,
) -> None:
    """Let the policy move the arm until the task is done, or for `seconds` of its time; fill the
    trace."""
    with running_node(lambda: WitnessNode(robot, real_time)) as witness:
        witness.wait_for_nodes(alive)
        witness.watch(trace)
        witness.start_policy()
        until_ns = witness.began_ns + round(seconds * NS)
        if witness.watch_for(lambda: trace.succeeded, until_ns, alive):
            witness.clock.stop_at(witness.clock.now_ns + AFTERWARDS_NS)
        witness.stop_policy()
        # The report of the last chunk comes once the executor has heard of the end.
        witness.spin_until(lambda: False, REPORT_WAIT_S)
