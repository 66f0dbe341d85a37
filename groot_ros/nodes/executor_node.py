"""Lifecycle node that turns chunks into commands at the robot's rate; no torch here."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rclpy.qos import DurabilityPolicy, QoSProfile

from groot_ros.buffer import NotReady, ObservationBuffer
from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.execution import ChunkExecutor, Execution, Motion
from groot_ros.nodes import parameters
from groot_ros.nodes.diagnostics import DiagnosticsPublisher
from groot_ros.nodes.lifecycle import GuardedLifecycleNode, run_node
from groot_ros.nodes.messages import NS, from_action_chunk, to_ns, to_time
from groot_ros.nodes.outputs import CommandPublisher, SetpointPublisher, signal_of
from groot_ros.nodes.parameters import parameter
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.robot import load_robot
from groot_ros_msgs.msg import ActionChunk, ChunkReport

REPORT_QOS = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)


@dataclass(frozen=True)
class ExecutorParameters:
    """Parameters of the executor node."""

    robot: str = parameter("sim", "robot file: name of a shipped one, or a path", read_only=True)
    chunk_topic: str = parameter(
        "policy/action_chunk", "topic of the chunks to execute", read_only=True
    )
    command_rate: float = parameter(
        0.0,
        "commands per second; 0 takes the robot file's output.rate",
        unit="Hz",
        low=0.0,
        high=1000.0,
        read_only=True,
    )
    blend: float = parameter(
        0.15,
        "time in which the motion goes over from one chunk to the next",
        unit="s",
        low=0.0,
        high=2.0,
        read_only=True,
    )
    watchdog: float = parameter(
        1.0,
        "how long the last setpoint is held when no chunk follows; then nothing is commanded",
        unit="s",
        low=0.05,
        high=60.0,
        read_only=True,
    )
    dry_run: str = parameter(
        "auto",
        "publish setpoints but command nothing; auto: only for a robot file marked untested",
        choices=("auto", "true", "false"),
        read_only=True,
    )


class ExecutorNode(GuardedLifecycleNode):
    """ActionChunk in, commands at the robot's rate out; what it would command is ~/setpoint."""

    NAME = "executor"
    PARAMETERS = ExecutorParameters
    _streams: StreamSubscriptions | None = None
    _commands: CommandPublisher | None = None

    def configure(self) -> None:
        p = parameters.read(self, ExecutorParameters)
        self._robot = load_robot(p.robot)
        self._rate_hz = p.command_rate or self._robot.output.rate_hz
        self._dry_run = p.dry_run == "true" or (p.dry_run == "auto" and self._robot.untested)
        self._motion = ChunkExecutor(
            self._robot.limits, blend_ns=int(p.blend * NS), watchdog_ns=int(p.watchdog * NS)
        )
        self._signal = signal_of(self._robot)
        self._buffer = ObservationBuffer(self._robot, fields=[self._signal], cameras=[])
        self._streams = StreamSubscriptions(self, self._buffer)
        self._chunks = self.create_subscription(ActionChunk, p.chunk_topic, self._on_chunk, 1)
        self._reports = self.create_publisher(ChunkReport, "~/chunk_report", REPORT_QOS)
        self._setpoints = SetpointPublisher(self, self._robot)
        self._running_message: ActionChunk | None = None
        self._commanded = self._rejected = 0
        self._problem = ""
        self._diagnostics = DiagnosticsPublisher(self, self._status)
        if self._dry_run:
            self.get_logger().warning("dry run: setpoints are published, nothing is commanded")

    def activate(self) -> None:
        if not self._dry_run:
            self._commands = CommandPublisher(self, self._robot, self._rate_hz)
        self._timer = self.create_timer(1.0 / self._rate_hz, self._tick)

    def deactivate(self) -> None:
        if self.__dict__.get("_timer"):
            self.destroy_timer(self._timer)
            del self._timer
            self._motion.stop(self._now_ns())
            self._report_ended()
        if self._commands:
            self._commands.close()
            self._commands = None

    def cleanup(self) -> None:
        if self._streams:
            self._streams.close()
            self._streams = None
            self._diagnostics.close()
            self._setpoints.close()
            self.destroy_subscription(self._chunks)
            self.destroy_publisher(self._reports)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _on_chunk(self, message: ActionChunk) -> None:
        if not self.is_active:
            return
        now_ns = self._now_ns()
        if message.horizon == 0:
            self._motion.cancel(message.epoch, now_ns)
            self._report_ended()
            return
        if reason := self._take(message, now_ns):
            self._rejected += 1
            self._problem = f"chunk {message.chunk_id} refused: {reason}"
            self.get_logger().warning(self._problem, throttle_duration_sec=1.0)
            report = self._report(message)
            report.rejected = reason
            self._reports.publish(report)
        else:
            self._problem = ""

    def _take(self, message: ActionChunk, now_ns: int) -> str | None:
        """Hand a chunk to the motion; the reason when it is refused."""
        if message.header.frame_id != self._robot.base_frame:
            return f"frame {message.header.frame_id!r}, expected {self._robot.base_frame!r}"
        try:
            chunk = from_action_chunk(message)
        except ValueError as error:
            return str(error)
        if getattr(chunk, self._signal) is None:
            return f"no {self._signal}, which output.profile {self._robot.output.profile} needs"
        if self._motion.motion is Motion.IDLE and (reason := self._start_motion(chunk, now_ns)):
            return reason
        reason = self._motion.accept(message.chunk_id, chunk, now_ns)
        if reason is None:
            self._report_ended()
            self._running_message = message
        return reason

    def _start_motion(self, chunk: Chunk, now_ns: int) -> str | None:
        """A motion begins where the robot is."""
        try:
            measured = self._buffer.newest_state(self._signal, now_ns)
        except NotReady as reason:
            return f"the robot's state is not known: {reason}"
        grip = None if chunk.grip is None else float(chunk.grip[0])
        is_pose = self._signal == "ee_pose"
        start = Setpoint(measured if is_pose else None, None if is_pose else measured, grip)
        self._motion.start_from(start, now_ns)
        return None

    def _tick(self) -> None:
        now_ns = self._now_ns()
        setpoint = self._motion.setpoint(now_ns)
        self._report_ended()
        if setpoint is None:
            return
        self._setpoints.send(setpoint, now_ns)
        if self._commands:
            self._commands.send(setpoint, now_ns)
            self._commanded += 1

    def _report_ended(self) -> None:
        for execution in self._motion.take_ended():
            if self._running_message is not None:
                self._reports.publish(self._execution_report(self._running_message, execution))

    def _report(self, chunk: ActionChunk) -> ChunkReport:
        now_ns = self._now_ns()
        report = ChunkReport(
            source=ChunkReport.EXECUTOR,
            chunk_id=chunk.chunk_id,
            epoch=chunk.epoch,
            horizon=chunk.horizon,
            observation_age=chunk.observation_age,
            decode_time=chunk.decode_time,
            model_time=chunk.model_time,
        )
        report.header.stamp = to_time(now_ns)
        report.header.frame_id = chunk.header.frame_id
        return report

    def _execution_report(self, chunk: ActionChunk, execution: Execution) -> ChunkReport:
        report = self._report(chunk)
        published_ns = to_ns(chunk.header.stamp) + int(chunk.observation_age * NS)
        report.publish_time = (execution.arrived_ns - published_ns) / NS
        report.executed_steps = execution.executed
        report.dropped_steps = execution.dropped
        report.starved_steps = execution.starved
        report.seam_jump_position = execution.seam.position_m
        report.seam_jump_rotation = execution.seam.rotation_rad
        report.seam_jump_joints = execution.seam.joints_rad
        return report

    def _status(self) -> tuple[str, dict[str, str]]:
        return self._problem, {
            "motion": self._motion.motion.value,
            "command rate [Hz]": f"{self._rate_hz:g}",
            "commands": str(self._commanded),
            "chunks refused": str(self._rejected),
            "dry run": str(self._dry_run).lower(),
        }


def main() -> int:
    """Entry point of `ros2 run groot_ros executor_node`."""
    return run_node(ExecutorNode)


if __name__ == "__main__":
    sys.exit(main())
