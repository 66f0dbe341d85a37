"""Lifecycle node that turns chunks into commands at the robot's rate; no torch here."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.admission import Bounded, Refused
from groot_ros.chunks.execution.chunk_intake import ChunkIntake
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.joining import accept_ahead
from groot_ros.chunks.execution.robot_motion import begin_motion, fit_ahead, robot_executor
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import StopReason
from groot_ros.chunks.execution.together import robot_borders
from groot_ros.chunks.limits.pose_chunks import Unsolved
from groot_ros.chunks.shadow import Shadow
from groot_ros.chunks.takeover.leading import STEP_S
from groot_ros.chunks.takeover.teleoperation import ExecutorAccess
from groot_ros.errors import UserError
from groot_ros.incidents.tape import TapedExecutor
from groot_ros.nodes import parameters
from groot_ros.nodes.diagnostics import DiagnosticsPublisher
from groot_ros.nodes.drivers.arm_description import ArmDescription
from groot_ros.nodes.drivers.arm_outputs import all_command_topics, command_publisher
from groot_ros.nodes.drivers.command import Command
from groot_ros.nodes.drivers.fake_graph import FakeOnlyPublisher
from groot_ros.nodes.drivers.outputs import Output, SetpointPublisher
from groot_ros.nodes.executor.chunk_markers import ChunkMarkers
from groot_ros.nodes.executor.chunk_reports import REPORT_TOPIC, ChunkReports
from groot_ros.nodes.executor.executor_black_box import ExecutorBlackBox
from groot_ros.nodes.executor.executor_parameters import ExecutorParameters
from groot_ros.nodes.executor.executor_reports import executor_state
from groot_ros.nodes.executor.operator_controls import OperatorControls
from groot_ros.nodes.lifecycle import FAILURES_PERIOD_S, GuardedLifecycleNode, run_node
from groot_ros.nodes.qos import CHUNKS
from groot_ros.nodes.streams import StreamSubscriptions
from groot_ros.observation.buffer import NotReady, ObservationBuffer
from groot_ros.observation.fields import NS, to_ns
from groot_ros.observation.routes import Route
from groot_ros.robot.checking.activation import check_activation, unwatched
from groot_ros.robot.config import RobotConfig, load_robot
from groot_ros.robot.output import MIN_RATE_HZ
from groot_ros.timing.clock_watch import ClockWatch
from groot_ros.timing.command_loop import CommandLoop, SteppedLoop
from groot_ros.timing.lockstep import Inbox, Tick
from groot_ros.timing.periods import Periods
from groot_ros_msgs.msg import ActionChunk, ExecutorState

Array = NDArray[np.float64]
MessageInfo = dict[str, Any]

STATE_TOPIC = "~/state"
STATE_PERIOD_S = 0.05
# Beyond twice the time that a stop is planned for, a node that cannot finish it ends all the same.
STOP_WAIT_S = 1.5
RIVALS_PERIOD_S = 10.0


class ExecutorNode(GuardedLifecycleNode):
    """ActionChunk in, commands at the robot's rate out; what it would command is ~/setpoint.

    Commands are made in a thread of their own, in lockstep at the ticks of the simulator's clock;
    `_lock` guards what is shared with the callbacks. What is looked at first in a chunk
    (`_intake`) belongs to the callbacks alone.
    """

    NAME = "executor"
    PARAMETERS = ExecutorParameters
    _streams: StreamSubscriptions | None = None
    _commands: Output | None = None
    _loop: CommandLoop | SteppedLoop | None = None
    _black_box: ExecutorBlackBox | None = None
    _clock_watch: ClockWatch | None = None

    def configure(self) -> None:
        p = parameters.read(self, ExecutorParameters)
        self._robot = _at_rate(load_robot(p.robot), p.command_rate)
        check_activation(self._robot)
        self._signal = self._robot.output.commanded
        self._rate_hz = self._robot.output.rate_hz
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
            period_s=1.0 / self._rate_hz,
        )
        make = TapedExecutor if p.black_box else ChunkExecutor
        self._motion: ChunkExecutor = robot_executor(self._robot, settings, make)
        self._periods = self._counted_periods(self._motion.settings)
        self._motion.set_speed_scale(p.speed_scale, 0)
        self._borders = robot_borders(self._robot, p.longest_chunk, p.workspace_margin)
        self._intake = ChunkIntake(self._robot, self._borders, p.watchdog)
        self._shadow = Shadow(self._signal)
        self._arm = ArmDescription.for_robot(self, self._robot, p.workspace_margin)
        self._buffer = ObservationBuffer(self._robot, fields=self._robot.moved, cameras=[])
        self._streams = StreamSubscriptions(
            self,
            self._buffer,
            reliability=self.stream_reliability,
            state_came=self._on_state,
        )
        self._looked_at: dict[str, Array] = {}
        self._commanded = self._rejected = 0
        self._commanding = False
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
        self._reports = ChunkReports(self)
        self._states = self.create_publisher(ExecutorState, STATE_TOPIC, 1)
        self._setpoints = SetpointPublisher(self, self._robot)
        self._markers = ChunkMarkers(self, self._robot)
        self._resume = self.create_service(Trigger, "~/resume", self._on_resume)
        access = ExecutorAccess(
            motion=self._motion,
            guard=self._lock,
            following=self._intake.following,
            execute=self._execute_by_hand,
            measured=self._newest,
            reach=lambda: self._arm.reach if self._arm else None,
            clock=self.now_ns,
        )
        self._operator = OperatorControls(self, self._robot, access)
        self._operator_loop = SteppedLoop(1.0 / STEP_S, self._operator.step, self._tick_failed)
        self._state_timer = self.create_timer(STATE_PERIOD_S, self._on_state_timer)
        self._state_loop = SteppedLoop(
            1.0 / STATE_PERIOD_S, self._publish_state, self._tick_failed
        )
        self._diagnostics = DiagnosticsPublisher(self, self._status)

    def now_ns(self) -> int:
        """The time; a motion under way hears of it first where the clock was set."""
        if self._clock_watch is None:
            return super().now_ns()
        with self._lock:
            now_ns, jump_ns = self._clock_watch.read()
            if jump_ns:
                self._motion.clock_set(jump_ns, now_ns)
            return now_ns

    def activate(self) -> None:
        if not self._dry_run and self._commands is None:
            commands = command_publisher(self, self._robot)
            self._commands = (
                FakeOnlyPublisher(self, self._robot, commands) if self._is_fake else commands
            )
        self._motion.resume()
        if self._black_box:
            self._black_box.begin()
        self._intake.following.forget()
        self._operator.teleoperation.takeover.reset()
        self._inbox: Inbox[ActionChunk] = Inbox()
        loop_class = SteppedLoop if self.lockstep else CommandLoop
        self._loop = loop_class(self._rate_hz, self._tick, self._tick_failed)
        self._loop.start()

    def deactivate(self) -> None:
        if loop := self._loop:
            planned_s = self._halt()
            if self.lockstep:
                self.lockstep.spin_until(lambda: self._motion.is_at_rest, STOP_WAIT_S)
            else:
                self._wait_for_rest(planned_s)
            self._loop = None
            loop.close()
            self._motion.release(self.now_ns())
            self._cease()
            self._report_ended()
            self._tell_stops()
            if self._black_box:
                self._black_box.end()
        # In lockstep the clock waits for every command: a publisher that is made anew would not be
        # heard before everybody has found it.
        if self.lockstep is None:
            self._close_commands()

    def _close_commands(self) -> None:
        if self._commands:
            self._commands.close()
            self._commands = None

    def rest(self) -> None:
        # Where the arm is simulated, its time may stand still.
        if self._loop and self.lockstep is None:
            self._wait_for_rest(self._halt())

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
            time.sleep(1.0 / self._rate_hz)
            # A chunk that was being joined must not let it go on.
            self._halt()

    def cleanup(self) -> None:
        if not self._streams:
            return
        self._close_commands()
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
        """Take the chunks that were published before it, command, and say how far it is."""
        assert self.lockstep
        if isinstance(self._loop, SteppedLoop):
            announced = self.lockstep.announced(self._subscriptions_here[0].topic_name)
            for message in self._inbox.take(announced):
                if self.is_active:
                    self._obey(message)
            self._operator_loop.step(tick.stamp_ns)
            self._loop.step(tick.stamp_ns)
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
        self._look()
        reason = self._intake.foreign(message, now_ns)
        if reason is None and message.horizon == 0:
            self._cancel(message, now_ns)
            return
        if reason is None and not self._operator.teleoperation.lets(to_ns(message.header.stamp)):
            # It is not its turn, which is no fault of it.
            return
        reason = reason or self._take(message)
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

    def _look(self) -> None:
        """Nobody is followed any more once nothing is commanded and the policy is gone."""
        with self._lock:
            idle = self._motion.is_idle
        self._intake.look(self.now_ns(), idle)

    def _cancel(self, message: ActionChunk, now_ns: int) -> None:
        """What an activation made before an epoch is void, or all that it made."""
        if (era := self._intake.ended_era(message)) is not None:
            with self._lock:
                self._motion.cancel(era, now_ns)

    def _take(self, message: ActionChunk) -> str | None:
        """Hand a chunk to the motion; the reason when it is refused."""
        try:
            bounded = self._intake.bounded(message)
        except ValueError as refused:
            with self._lock:
                self._motion.count_refusal(str(refused), self.now_ns())
            return str(refused)
        if self._intake.is_new(message):
            self._report_ended()
            self._reports.forget()
        keep = partial(self._reports.keep, message)
        fitted = self._execute(message.chunk_id, bounded, keep)
        if isinstance(fitted, str):
            return fitted
        self._intake.took(message, fitted, self.now_ns())
        return None

    def _execute_by_hand(self, chunk_id: int, chunk: Chunk) -> str | None:
        """Hand a chunk of the operator to the motion; the reason when it is refused."""
        try:
            bounded = self._borders.bounded(chunk)
        except Refused as reason:
            return str(reason)
        fitted = self._execute(chunk_id, bounded, lambda _: None)
        return fitted if isinstance(fitted, str) else None

    def _execute(
        self, chunk_id: int, bounded: Bounded, keep: Callable[[int], None]
    ) -> Bounded | str:
        """Hand a chunk to the motion, fitted to the arm; the reason when it is refused.

        `keep` is told how many steps were moved to a border before it is executed.
        """
        with self._lock:
            now_ns = self.now_ns()
            begins = self._motion.begins_anew
            if begins and (reason := self._start_motion(bounded.chunk, now_ns)):
                return reason
        try:
            reach = self._arm.reach if self._arm else None
            fitted = fit_ahead(
                self._motion, self._lock, clock=self.now_ns, reach=reach, bounded=bounded
            )
        except (NotReady, Unsolved) as refused:
            with self._lock:
                self._motion.count_refusal(str(refused), self.now_ns())
            return str(refused)
        chunk = fitted.chunk
        with self._lock:
            keep(fitted.projected_steps)
        reason = accept_ahead(
            self._motion, self._lock, clock=self.now_ns, chunk_id=chunk_id, chunk=chunk
        )
        if reason is not None:
            return reason
        self._shadow.add(chunk_id, chunk)
        self._markers.add(chunk_id, chunk)
        return fitted

    def _start_motion(self, chunk: Chunk, now_ns: int) -> str | None:
        """A motion begins where the robot is."""
        try:
            measured = self._newest(now_ns)
            reach = self._arm.reach if self._arm else None
        except NotReady as reason:
            return f"the robot's state is not known: {reason}"
        begin_motion(self._motion, reach, chunk=chunk, measured=measured, now_ns=now_ns)
        return None

    def _tick(self) -> None:
        """Called from the command thread."""
        with self._lock:
            if loop := self._loop:
                loop.mark(self._motion.spare_s)
            now_ns = self.now_ns()
            due, behind_ns = self._due()
            if due == 0:
                return
            measured = None
            try:
                measured = self._measured(now_ns)
                if measured is not None and not self._dry_run:
                    self._motion.measured(measured, now_ns)
                for _ in range(due):
                    setpoint = self._motion.setpoint(now_ns)
            except Exception as error:
                # Whatever it is: a robot that gets no command may go on as fast as it was.
                setpoint = self._motion.fail(self._told(error), now_ns)
            motion, time_ns = self._motion.motion, self._motion.time_ns
            grip_goals = self._motion.grip_goals
        if setpoint is None:
            self._cease()
        elif motion:
            stamp_ns = now_ns - behind_ns
            self._send(
                Command(
                    setpoint=setpoint,
                    motion=motion,
                    stamp_ns=stamp_ns,
                    time_ns=time_ns,
                    measured=measured,
                    grip_goals=grip_goals,
                )
            )
        self._report_ended()
        if measured is not None and self._dry_run:
            self._reports.compared(self._shadow.measured(now_ns, measured), now_ns)

    def _due(self) -> tuple[int, int]:
        """How many commands to make now, and the time in ns since the last one was due."""
        if self._periods is None:
            return 1, 0
        if self._motion.is_idle:
            self._periods.restart()
        return self._periods.due(), self._periods.behind_ns

    def _cease(self) -> None:
        """Nothing is commanded any more: what would go on all the same is told to stop."""
        if self._commands and self._commanding:
            self._commands.cease()
        self._commanding = False

    def _send(self, command: Command) -> None:
        if self._commands:
            self._commanding = True
            self._commands.send(command)
            self._commanded += 1
        self._setpoints.send(command)

    def _newest(self, now_ns: int) -> Array:
        """The newest state, of all arms; NotReady also when no robot can be there."""
        states = []
        for name in self._buffer.fields:
            states.append(state := self._buffer.newest_state(name, now_ns))
            if self._looked_at.get(name) is state:
                continue
            if reason := self._signal.kind.wrong(state[None], name):
                raise NotReady(f"{reason}: check its publisher")
            self._looked_at[name] = state
        return states[0] if len(states) == 1 else np.concatenate(states)

    def _measured(self, now_ns: int) -> Array | None:
        """Where the robot is; a motion stops when that is not known any more."""
        try:
            return self._newest(now_ns)
        except NotReady as reason:
            if not self._motion.is_at_rest:
                self._motion.halt(StopReason.STALE, now_ns, str(reason))
            return None

    def _tick_failed(self, error: Exception) -> None:
        """The arm comes to rest; the commands that it takes for that go on."""
        sentence = self._told(error)
        with self._lock:
            self._motion.halt(StopReason.FAILED, self.now_ns(), sentence)

    def _told(self, error: Exception) -> str:
        """An error in a sentence; where it came from is logged."""
        trace = "".join(traceback.format_exception(error))
        self.get_logger().error(
            f"a command failed: {trace}", throttle_duration_sec=FAILURES_PERIOD_S
        )
        return f"{type(error).__name__}: {error}"

    def _report_ended(self) -> None:
        with self._lock:
            ended = self._motion.take_ended()
        self._reports.ended(ended)

    def _on_press(self, reason: StopReason, message: Bool) -> None:
        with self._lock:
            self._motion.press(reason, message.data, self.now_ns())

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        refused: str | None = "not resumed: activate the executor first"
        if self.is_active:
            with self._lock:
                refused = self._motion.resume()
        self._look()
        whose = f" of activation {self._intake.followed}" if self._intake.followed else ""
        response.success = refused is None
        response.message = refused or f"the next chunk{whose} that is not refused moves the robot"
        return response

    def _on_state_timer(self) -> None:
        # In lockstep an active executor tells it at the ticks.
        if not isinstance(self._loop, SteppedLoop):
            self._publish_state()

    def _publish_state(self) -> None:
        self._look()
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
        for topic in all_command_topics(self, self._robot) if self._commands else []:
            if (others := self.count_publishers(topic) - 1) > 0:
                sentence = (
                    f"{others} more publish {topic}, where this node commands the robot: stop "
                    "them, or let a multiplexer choose"
                )
                self.get_logger().warning(sentence, throttle_duration_sec=RIVALS_PERIOD_S)
                return sentence
        return ""

    def _status(self) -> tuple[str, dict[str, str]]:
        motion = self._motion
        return motion.stops.sentence or self._rivals() or self._problem, {
            "activity": motion.activity.value,
            "stop": motion.stops.sentence,
            "strategy": motion.settings.strategy,
            "speed scale": f"{motion.speed_scale:g}",
            "command rate [Hz]": f"{self._loop.measured_rate_hz:.1f}" if self._loop else "0",
            "command jitter p99 [ms]": f"{self._loop.jitter_s * 1e3:.2f}" if self._loop else "0",
            "commands": str(self._commanded),
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
