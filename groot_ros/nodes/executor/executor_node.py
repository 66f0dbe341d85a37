"""Lifecycle node that turns chunks into commands at the robot's rate; no torch here."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from functools import partial
from typing import Any

from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from groot_ros.chunks.execution.chunk_intake import ChunkIntake
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.robot_motion import AnyReach, robot_executor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.execution.together import robot_borders
from groot_ros.chunks.shadow import Shadow
from groot_ros.chunks.takeover.leading import STEP_S
from groot_ros.chunks.takeover.teleoperation import ExecutorAccess
from groot_ros.errors import UserError
from groot_ros.incidents.tape import TapedExecutor
from groot_ros.nodes import parameters
from groot_ros.nodes.diagnostics import DiagnosticsPublisher
from groot_ros.nodes.drivers.arm_description import ArmDescription
from groot_ros.nodes.drivers.arm_outputs import all_command_topics
from groot_ros.nodes.drivers.outputs import SetpointPublisher
from groot_ros.nodes.executor.chunk_markers import ChunkMarkers
from groot_ros.nodes.executor.chunk_reports import REPORT_TOPIC, ChunkReports
from groot_ros.nodes.executor.chunk_taking import ChunkTaking
from groot_ros.nodes.executor.commanding import Commanding
from groot_ros.nodes.executor.executor_black_box import ExecutorBlackBox
from groot_ros.nodes.executor.executor_parameters import ExecutorParameters
from groot_ros.nodes.executor.executor_reports import executor_state
from groot_ros.nodes.executor.operator_controls import OperatorControls
from groot_ros.nodes.lifecycle import GuardedLifecycleNode, run_node
from groot_ros.nodes.qos import CHUNKS
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.observation.buffer import ObservationBuffer
from groot_ros.observation.fields import NS, to_ns
from groot_ros.observation.newest_state import NewestState
from groot_ros.observation.routes import Route
from groot_ros.robot.checking.activation import check_activation, unwatched
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.robot.output import MIN_RATE_HZ
from groot_ros.timing.clock_watch import ClockWatch
from groot_ros.timing.command_loop import CommandLoop, SteppedLoop
from groot_ros.timing.lockstep import Inbox, Tick
from groot_ros.timing.periods import Periods
from groot_ros_msgs.msg import ActionChunk, ExecutorState

MessageInfo = dict[str, Any]

STATE_TOPIC = "~/state"
STATE_PERIOD_S = 0.05
# Beyond twice the time that a stop is planned for, a node that cannot finish it ends all the same.
STOP_WAIT_S = 1.5
RIVALS_PERIOD_S = 10.0


class ExecutorNode(GuardedLifecycleNode):
    """ActionChunk in, commands at the robot's rate out; what it would command is ~/setpoint.

    Commands are made in a thread of their own (`_commanding`), in lockstep at the ticks of the
    simulator's clock; `_lock` guards what is shared with the callbacks. What is looked at first in
    a chunk (`_intake`) and hands it on (`_chunks`) belongs to the callbacks alone.
    """

    NAME = "executor"
    PARAMETERS = ExecutorParameters
    _streams: StreamSubscriptions | None = None
    _commanding: Commanding | None = None
    _black_box: ExecutorBlackBox | None = None
    _clock_watch: ClockWatch | None = None

    def configure(self) -> None:
        p = parameters.read(self, ExecutorParameters)
        self._robot = _at_rate(load_robot(p.robot), p.command_rate)
        check_activation(self._robot)
        unknown = unwatched(self._robot)
        cautious = (self._robot.untested or bool(unknown)) and not p.fake
        self._is_fake = p.fake
        self._dry_run = p.dry_run == "true" or (p.dry_run == "auto" and cautious)
        self._lock = threading.RLock()
        # Simulated time may stand still and jump as it likes.
        simulated = self.lockstep or self.get_parameter("use_sim_time").value
        self._clock_watch = None if simulated else ClockWatch(super().now_ns)
        settings = ExecutionSettings(
            strategy=p.strategy,
            blend_s=p.blend,
            watchdog_s=p.watchdog,
            rejected_in_row=p.rejected_in_row,
            period_s=1.0 / self._robot.output.rate_hz,
        )
        make = TapedExecutor if p.black_box else ChunkExecutor
        self._motion: ChunkExecutor = robot_executor(self._robot, settings, make)
        self._motion.set_speed_scale(p.speed_scale, 0)
        self._arm = ArmDescription.for_robot(self, self._robot, p.workspace_margin)
        self._buffer = ObservationBuffer(self._robot, fields=self._robot.moved, cameras=[])
        self._streams = StreamSubscriptions(
            self,
            self._buffer,
            reliability=self.stream_reliability,
            state_came=self._on_state,
        )
        self._rejected = 0
        self._problem = ""
        self._create_interfaces(p)
        if isinstance(self._motion, TapedExecutor):
            urdf = self._arm.text if self._arm else str
            self._black_box = ExecutorBlackBox(
                self, self._robot, p=p, executor=self._motion, guard=self._lock, urdf=urdf
            )
        if unknown:
            self.get_logger().warning(unknown)
        if self._dry_run:
            self.get_logger().warning("dry run: setpoints are published, nothing is commanded")

    def _counted_periods(self, settings: ExecutionSettings) -> Periods | None:
        """Where commands are made up for: a controller goes on by its own clock, and a simulator's
        goes as fast as it likes. In lockstep each tick is a command."""
        if self.lockstep or not (settings.interpolated or self._clock_watch is None):
            return None
        clock = time.monotonic_ns if self._clock_watch else super().now_ns
        return Periods(settings.period_s, settings.longest_gap_s, clock)

    def _create_interfaces(self, p: ExecutorParameters) -> None:
        subscribe = self.create_subscription
        self._subscriptions_here = [
            subscribe(ActionChunk, p.chunk_topic, self._on_chunk, CHUNKS),
            subscribe(Bool, p.estop_topic, partial(self._on_press, StopReason.ESTOP), 1),
            subscribe(Bool, p.fault_topic, partial(self._on_press, StopReason.FAULT), 1),
        ]
        self._states = self.create_publisher(ExecutorState, STATE_TOPIC, 1)
        self._resume = self.create_service(Trigger, "~/resume", self._on_resume)
        commanding = self._commanding = self._create_chunk_path(p)
        self._operator_loop = SteppedLoop(1.0 / STEP_S, self._operator.step, commanding.failed)
        self._state_timer = self.create_timer(STATE_PERIOD_S, self._on_state_timer)
        self._state_loop = SteppedLoop(
            1.0 / STATE_PERIOD_S, self._publish_state, commanding.failed
        )
        self._diagnostics = DiagnosticsPublisher(self, self._status)

    def _create_chunk_path(self, p: ExecutorParameters) -> Commanding:
        """What a chunk passes through: looked at, handed to the motion, commanded, reported."""
        robot, signal = self._robot, self._robot.output.commanded
        state = NewestState(self._buffer, signal.kind)
        shadow = Shadow(signal)
        borders = robot_borders(robot, p.longest_chunk, p.workspace_margin)
        self._intake = ChunkIntake(robot, borders, p.watchdog)
        self._reports = ChunkReports(self)
        self._setpoints = SetpointPublisher(self, robot)
        self._markers = ChunkMarkers(self, robot)
        self._chunks = ChunkTaking(
            motion=self._motion,
            guard=self._lock,
            state=state,
            borders=borders,
            intake=self._intake,
            reach=self._reach,
            clock=self.now_ns,
            shadow=shadow,
            markers=self._markers,
            reports=self._reports,
        )
        commanding = Commanding(
            self,
            robot,
            motion=self._motion,
            guard=self._lock,
            state=state,
            setpoints=self._setpoints,
            shadow=shadow,
            reports=self._reports,
            periods=self._counted_periods(self._motion.settings),
            dry_run=self._dry_run,
        )
        access = ExecutorAccess(
            motion=self._motion,
            guard=self._lock,
            following=self._intake.following,
            execute=self._chunks.execute_by_hand,
            measured=state.at,
            reach=self._reach,
            clock=self.now_ns,
        )
        self._operator = OperatorControls(self, robot, access)
        return commanding

    @property
    def _loop(self) -> CommandLoop | SteppedLoop | None:
        """The loop of the commands, None where nothing is commanded."""
        return self._commanding.loop if self._commanding else None

    def _reach(self) -> AnyReach | None:
        return self._arm.reach if self._arm else None

    def now_ns(self) -> int:
        """The time in ns; a clock that was set is reported to a running motion first."""
        if self._clock_watch is None:
            return super().now_ns()
        with self._lock:
            now_ns, jump_ns = self._clock_watch.read()
            if jump_ns:
                self._motion.clock_set(jump_ns, now_ns)
            return now_ns

    def activate(self) -> None:
        assert self._commanding
        self._commanding.open(self._is_fake)
        self._motion.resume()
        if self._black_box:
            self._black_box.begin()
        self._intake.following.forget()
        self._operator.teleoperation.takeover.reset()
        self._inbox: Inbox[ActionChunk] = Inbox()
        self._commanding.start()

    def deactivate(self) -> None:
        commanding = self._commanding
        if commanding and self._loop:
            planned_s = self._halt()
            if self.lockstep:
                self.lockstep.spin_until(lambda: self._motion.is_at_rest, STOP_WAIT_S)
            else:
                self._wait_for_rest(planned_s)
            commanding.stop()
            self._tell_stops()
            if self._black_box:
                self._black_box.end()
        # In lockstep the clock waits for every command: a publisher that is made anew would not be
        # heard before everybody has found it.
        if self.lockstep is None and commanding:
            commanding.close()

    def rest(self) -> None:
        commanding = self._commanding
        # Where the arm is simulated, its time may stand still.
        if commanding and commanding.loop and self.lockstep is None:
            self._wait_for_rest(self._halt())
            commanding.let_go(STOP_WAIT_S)

    def _halt(self) -> float:
        """Decelerate; how long that takes, in s, where every command comes in time."""
        with self._lock:
            if self._motion.is_at_rest:
                return 0.0
            self._motion.halt(StopReason.DEACTIVATED, self.now_ns())
            motion = self._motion.motion
            return (motion.end_ns - self._motion.time_ns) / NS if motion else 0.0

    def _wait_for_rest(self, planned_s: float) -> None:
        deadline_s = time.monotonic() + STOP_WAIT_S + 2.0 * planned_s
        while not self._motion.is_at_rest and time.monotonic() < deadline_s:
            time.sleep(1.0 / self._robot.output.rate_hz)
            # A chunk that was being joined must not let it go on.
            self._halt()

    def cleanup(self) -> None:
        if not self._streams:
            return
        if self._commanding:
            self._commanding.close()
            self._commanding = None
        if self._black_box:
            self._black_box.close()
            self._black_box = None
        self._streams.close()
        self._streams = None
        self.destroy_timer(self._state_timer)
        self._diagnostics.close()
        self._setpoints.close()
        self._markers.close()
        if self._arm:
            self._arm.close()
        self.destroy_service(self._resume)
        self._operator.close()
        for subscription in self._subscriptions_here:
            self.destroy_subscription(subscription)
        self._reports.close()
        self.destroy_publisher(self._states)

    def parameter_changed(self, name: str, value: Any) -> None:
        if name == "speed_scale" and self._streams:
            with self._lock:
                self._motion.set_speed_scale(value, self.now_ns())

    def handle_tick(self, tick: Tick) -> bool:
        """Take the chunks that were published before the tick, make a command, and publish the
        progress."""
        assert self.lockstep
        loop = self._loop
        if isinstance(loop, SteppedLoop):
            announced = self.lockstep.announced(self._subscriptions_here[0].topic_name)
            for message in self._inbox.take(announced):
                if self.is_active:
                    self._obey(message)
            self._operator_loop.step(tick.stamp_ns)
            loop.step(tick.stamp_ns)
            self._state_loop.step(tick.stamp_ns)
        return True

    def _on_state(self, route: Route, message: Any) -> None:
        if self._black_box:
            self._black_box.said(route.topic, message)

    def _on_chunk(self, message: ActionChunk, info: MessageInfo) -> None:
        if not self.is_active:
            return
        if self.lockstep:
            self._inbox.put(info["publication_sequence_number"], message)
        else:
            self._obey(message)

    def _obey(self, message: ActionChunk) -> None:
        now_ns = self.now_ns()
        if self._black_box:
            self._black_box.heard(message)
        self._chunks.look()
        reason = self._intake.foreign(message, now_ns)
        if reason is None and message.horizon == 0:
            self._chunks.cancel(message, now_ns)
            return
        if reason is None and not self._operator.teleoperation.lets(to_ns(message.header.stamp)):
            # It is not its turn, which is no fault of it.
            return
        assert self._commanding
        reason = reason or self._chunks.take(message, self._commanding.report_ended)
        if reason is None:
            self._problem = ""
            return
        self._rejected += 1
        self._problem = f"chunk {message.chunk_id} refused: {reason}"
        if self._black_box:
            self._black_box.note(self._problem)
        self.get_logger().warning(self._problem, throttle_duration_sec=1.0)
        report = self._reports.refused(message, reason, now_ns)
        if report and self._black_box:
            self._black_box.said(REPORT_TOPIC, report)

    def _on_press(self, reason: StopReason, message: Bool) -> None:
        with self._lock:
            self._motion.press(reason, message.data, self.now_ns())

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        refused: str | None = "not resumed: activate the executor first"
        if self.is_active:
            with self._lock:
                refused = self._motion.resume()
        self._chunks.look()
        whose = f" of activation {self._intake.followed}" if self._intake.followed else ""
        response.success = refused is None
        response.message = refused or f"the next chunk{whose} that is not refused moves the robot"
        return response

    def _on_state_timer(self) -> None:
        # In lockstep an active executor tells it at the ticks.
        if not isinstance(self._loop, SteppedLoop):
            self._publish_state()

    def _publish_state(self) -> None:
        self._chunks.look()
        with self._lock:
            now_ns = self.now_ns()
            state = executor_state(
                self._motion,
                self._loop,
                following=self._intake.following,
                takeover=self._operator.teleoperation.takeover,
                frame=self._robot.base_frame,
                dry_run=self._dry_run,
                now_ns=now_ns,
            )
        self._tell_stops()
        if box := self._black_box:
            box.said(STATE_TOPIC, state)
            box.look()
        self._states.publish(state)
        self._markers.publish(state, now_ns)

    def _tell_stops(self) -> None:
        with self._lock:
            news = self._motion.stops.take_news()
        for stop in news:
            if stop.reason.was_asked_for:
                self.get_logger().info(stop.sentence)
            else:
                self.get_logger().warning(stop.sentence)
            # The end of a run that has come to rest is nothing to look into.
            if self._black_box and (stop.was_moving or not stop.reason.was_asked_for):
                self._black_box.note(stop.sentence, stop.reason.was_asked_for)

    def _rivals(self) -> str:
        """Who else sends what only one should send; empty for nobody."""
        if (policies := self.count_publishers(self._subscriptions_here[0].topic_name)) > 1:
            return f"{policies} nodes publish chunks: stop all policies but one"
        commands = self._commanding and self._commanding.output
        for topic in all_command_topics(self, self._robot) if commands else []:
            if (others := self.count_publishers(topic) - 1) > 0:
                sentence = (
                    f"{others} more publish {topic}, where this node commands the robot: stop "
                    "them, or let a multiplexer choose"
                )
                self.get_logger().warning(sentence, throttle_duration_sec=RIVALS_PERIOD_S)
                return sentence
        return ""

    def _status(self) -> tuple[str, dict[str, str]]:
        motion, loop = self._motion, self._loop
        return motion.stops.sentence or self._rivals() or self._problem, {
            "activity": motion.activity.value,
            "stop": motion.stops.sentence,
            "strategy": motion.settings.strategy,
            "speed scale": f"{motion.speed_scale:g}",
            "command rate [Hz]": f"{loop.measured_rate_hz:.1f}" if loop else "0",
            "command jitter p99 [ms]": f"{loop.jitter_s * 1e3:.2f}" if loop else "0",
            "commands": str(self._commanding.commanded if self._commanding else 0),
            "commands corrected by the governor": str(motion.interventions),
            "chunks refused": str(self._rejected),
            "steps projected": str(self._intake.projected_steps),
            "follows": self._intake.followed,
            "control": self._operator.teleoperation.sentence,
            "dry run": str(self._dry_run).lower(),
            "newest incident": self._black_box.newest if self._black_box else "",
            "messages left out of incidents": str(
                self._black_box.left_out if self._black_box else 0
            ),
        }


def _at_rate(robot: RobotConfig, rate_hz: float) -> RobotConfig:
    """The robot with another rate of commands; 0 leaves that of its file."""
    if rate_hz == 0.0:
        return robot
    if rate_hz < MIN_RATE_HZ:
        raise UserError(
            f"parameter command_rate is {rate_hz:g}, expected 0 for that of the robot file, or "
            f"{MIN_RATE_HZ:g} to 1000 Hz"
        )
    return replace(robot, output=replace(robot.output, rate_hz=rate_hz))


def main() -> int:
    """Entry point of `ros2 run groot_ros executor_node`."""
    return run_node(ExecutorNode)


if __name__ == "__main__":
    sys.exit(main())
