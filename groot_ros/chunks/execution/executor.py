"""Turns chunks into setpoints at the command rate; it reads no clock, the caller passes the
time."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.admission import Flood, Refusals, early_reason, void_reason
from groot_ros.chunks.execution.consumption import CommandTimes
from groot_ros.chunks.execution.following import TrackingMonitor
from groot_ros.chunks.execution.governed_motion import SPARE_SHARE, GovernedMotion
from groot_ros.chunks.execution.gripper import Closures, Grippers
from groot_ros.chunks.execution.joining import Admitted, Offer, accept_ahead
from groot_ros.chunks.execution.motion import Joined, Motion
from groot_ros.chunks.execution.running import Execution, Running
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import Activity, StopMachine, StopReason
from groot_ros.chunks.execution.strategies import make_strategy
from groot_ros.chunks.execution.timeline import Planned
from groot_ros.chunks.grading import Grade
from groot_ros.chunks.limits.bounds import gap_refusal, refusal
from groot_ros.chunks.limits.constraint import Constraint
from groot_ros.chunks.limits.governor import Step
from groot_ros.chunks.measures import Jump, SeamMeter
from groot_ros.chunks.progress import Progress
from groot_ros.robot.limits import Limits

Array = NDArray[np.float64]

# The first command after a seam may fall on the seam itself.
SEAM_COMMANDS = 2
# Of a stop that nobody remembers the reason of, since somebody has resumed.
STOPS_FIRST = "the arm comes to rest first, its place was not known for a while"


class ChunkExecutor:
    """Follows chunks within the robot's limits, and stops in a defined way.

    Each call of `setpoint` is one command and advances the motion by one period, however late it
    is called. A chunk is joined to where the motion will be (`joining`), every planned motion ends
    at rest, and the governor checks every command. A chunk that is void, late or beyond the limits
    is refused with a reason, and the motion continues with the previous one.
    """

    def __init__(
        self,
        limits: Limits,
        settings: ExecutionSettings,
        constraints: Sequence[Constraint] = (),
    ) -> None:
        self.settings = settings
        self.limits = limits
        self.activity = Activity.IDLE
        self.stops = StopMachine()
        self.epoch = 0
        self.speed_scale = 1.0
        self.interventions = 0
        """Commands that the governor had to correct."""
        self._moves = GovernedMotion(limits, settings)
        self._times = CommandTimes(self._moves.period_ns)
        self._strategy = make_strategy(self.settings.strategy)
        self._flood = Flood()
        self._refusals = Refusals(self.settings.rejected_in_row)
        self._meter = SeamMeter(self._moves.bounds.space)
        self._step: Step | None = None
        self._tracking = TrackingMonitor(self.settings.signal.kind, self.limits.following)
        self._running: Running | None = None
        self._waiting: Admitted | None = None
        self._grippers = Grippers(settings.grips, self.limits.grip_speed)
        self._commands = 0
        self._last_value: Array | None = None
        self._seam_commands = 0
        self._ended: list[Execution] = []
        self.watch(constraints)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is commanded, so that the next motion starts at the measured value."""
        return self.activity is Activity.IDLE

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is commanded, or one value is held."""
        return self.activity in (Activity.IDLE, Activity.HOLDING)

    @property
    def begins_anew(self) -> bool:
        """Whether the next chunk starts at the measured value (`start_from`)."""
        return self.is_at_rest and not self.stops.blocked

    def watch(self, constraints: Sequence[Constraint]) -> None:
        """Set the constraints that planning respects and before which the governor stops."""
        self._moves.watch(constraints)

    @property
    def held(self) -> Array:
        """The last commanded value (V,); only after a motion has started."""
        return self._moves.value

    def start_from(self, value: Array, closures: Closures, now_ns: int) -> None:
        """Set the measured value (V,) and gripper closures from which the next motion starts.

        To be called before the first chunk and before the first one after a stop. While the
        command at which the motion stopped is still sent and the robot follows it, the motion
        continues from that command: a step back to the measured value would be a jump.
        """
        if self.is_idle:
            self._grippers.start_from(closures)
        elif not self.begins_anew or self._tracking.is_near(value, self._moves.value):
            return
        self._rest_at(value)
        self._times.begin(now_ns)

    def _rest_at(self, value: Array) -> None:
        """At rest there, whatever was before."""
        self._moves.start(value)
        self._meter.clear()
        self._tracking.clear()

    def accept(self, chunk_id: int, chunk: Chunk, now_ns: int) -> str | None:
        """Execute a chunk, `admit` to `commit` in one call; the reason where it is refused.

        For callers whose clock does not run meanwhile; nodes use `accept_ahead`.
        """
        return accept_ahead(
            self, nullcontext(), clock=lambda: now_ns, chunk_id=chunk_id, chunk=chunk
        )

    def admit(self, chunk_id: int, chunk: Chunk, now_ns: int) -> Admitted | str:
        """Check a chunk that arrived at `now_ns`; the reason where it may not be executed."""
        self._notice_gap(now_ns)
        self._times.hear(now_ns)
        if self._flood.comes(now_ns):
            self.halt(StopReason.FLOOD, now_ns)
        if reason := self._void(chunk, now_ns):
            return reason
        reason = early_reason(chunk, now_ns)
        reason = reason or refusal(chunk, self.settings.signal, self.limits)
        if reason is None and chunk.verdict.grade is Grade.HOLD:
            reason = chunk.verdict.reason
            self.halt(StopReason.UNFAMILIAR, now_ns, reason)
        if reason is not None:
            self.count_refusal(reason, now_ns)
            return reason
        if chunk.epoch > self.epoch:
            self._begin_epoch(chunk.epoch)
        admitted = Admitted(chunk_id, self._strategy.merge(chunk), now_ns)
        self._waiting = admitted if self._strategy.waits_for_end else None
        return admitted

    @property
    def _is_lost(self) -> bool:
        """Whether it stops because nobody knows where the robot is: it goes on from rest."""
        return self.activity is Activity.STOPPING and self.stops.is_lost

    def _barred(self, now_ns: int) -> str | None:
        """Why nothing may be joined now, whatever it is."""
        if self.stops.blocked or self._is_lost or self._times.goes_on(now_ns):
            return self.stops.sentence or STOPS_FIRST
        return None

    def _void(self, chunk: Chunk, now_ns: int) -> str | None:
        """Why a chunk has nothing to say any more, or nothing may be said now."""
        if (reason := self._barred(now_ns)) and chunk.epoch >= self.epoch:
            return reason
        return void_reason(chunk, self.epoch, self._times.consumption, now_ns)

    def count_refusal(self, reason: str | None, now_ns: int) -> None:
        """Count a refused chunk, or with None an accepted one; too many refusals in a row stop the
        motion."""
        if self._refusals.is_too_much(reason):
            self.halt(StopReason.REJECTED, now_ns, reason or "")

    def _begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self._strategy.forget()
        self._grippers.forget()
        self._drop_ahead()

    def _drop_ahead(self) -> None:
        self._waiting = None
        self._moves.drop_ahead()

    def offer(self, admitted: Admitted, now_ns: int) -> Offer | str | None:
        """The future state of the motion to which an admitted chunk can be joined.

        Returns:
            The offer; the reason where the chunk cannot be joined; None for a chunk that waits
            for the end of the executed one and would be over by then.
        """
        moves, times, chunk = self._moves, self._times, admitted.chunk
        if moves.timeline is None:
            return "the robot's state is not known"
        if reason := self._barred(now_ns):
            return reason
        waits = self._strategy.waits_for_end and self.activity is Activity.EXECUTING
        lead = moves.lead(moves.left_ns if waits else 0)
        due_ns = times.due_ns(now_ns, lead)
        if reason := void_reason(chunk, self.epoch, times.consumption, due_ns):
            return None if waits else reason
        steps, step_s = chunk.signals[self.settings.signal.name], chunk.step_ns / 1e9
        planner = moves.planner
        curve = planner.inside(chunk.curve or planner.curve(steps, step_s))
        from_s = max(times.consumption.between_s(chunk.stamp_ns, due_ns), 0.0)
        offer = self._offer(admitted, curve, from_s=from_s, lead=lead, now_ns=now_ns)
        return gap_refusal(moves.gap(offer), moves.bounds) or offer

    def _offer(
        self, admitted: Admitted, curve: Curve, from_s: float, lead: int, now_ns: int
    ) -> Offer:
        return self._moves.offer(
            admitted,
            curve,
            from_s=from_s,
            lead=lead,
            speed_scale=self.speed_scale,
            now_ns=now_ns,
        )

    def commit(self, offer: Offer, joined: Joined | None, now_ns: int) -> tuple[str | None, bool]:
        """Let a joined motion follow the planned one.

        Returns:
            The reason where it does not, else None; and whether it came too late, so that it
            has to be joined again farther ahead.
        """
        took_s = (now_ns - offer.made_ns) / 1e9
        self._moves.joining_took(took_s)
        if self._moves.is_outdated(offer):
            return f"joining it took {took_s:.2f} s, and the motion had gone on by then", True
        if joined is None:
            return offer.misfit, False
        admitted = offer.admitted
        running = Running(
            chunk_id=admitted.chunk_id,
            chunk=admitted.chunk,
            curve=offer.curve,
            joined=joined,
            arrived_ns=admitted.arrived_ns,
            joined_step=offer.from_s * 1e9 / admitted.chunk.step_ns,
            gap=Jump.of(self._moves.gap(offer), self._moves.bounds.kind),
            seam=Jump(),
        )
        self._plan(running, now_ns)
        return None, False

    def _plan(self, running: Running, now_ns: int) -> None:
        self._moves.follow(Planned(running.joined.motion, running))
        if self.is_idle:
            self.activity = Activity.HOLDING
            self._times.hold(now_ns)
            # While the first join was computed, however long, nothing was to be commanded.
            self._times.begin(now_ns)
        self._switch()

    def _switch(self) -> None:
        """Follow what is due with the next command."""
        timeline = self._moves.timeline
        assert timeline
        time_ns = timeline.now_ns + self._moves.period_ns
        while True:
            before = timeline.current.running
            planned = timeline.next_due(time_ns)
            if planned is None:
                return
            if before and planned.running and before.chunk_id != planned.running.chunk_id:
                self._end_running(before, time_ns)
                self._grippers.passed(before)
            self._running = planned.running
            self._waiting = None
            self._seam_commands = SEAM_COMMANDS
            self.activity = Activity.EXECUTING
            self.stops.moving()

    def set_speed_scale(self, speed_scale: float, now_ns: int) -> None:
        """Set how fast chunk time passes (chunk seconds per second); the transition is smooth."""
        self._notice_gap(now_ns)
        self.speed_scale = speed_scale
        moves, running, waiting = self._moves, self._running, self._waiting
        if running is None or self.activity is not Activity.EXECUTING:
            return
        at_ns = moves.time_ns + moves.period_ns
        from_s = running.step_at(at_ns) * running.chunk.step_ns / 1e9
        admitted = Admitted(running.chunk_id, running.chunk, running.arrived_ns)
        offer = self._offer(admitted, running.curve, from_s=from_s, lead=1, now_ns=now_ns)
        if joined := offer.join():
            self._plan(replace(running, joined=joined), now_ns)
            if waiting:
                follows = self.offer(waiting, now_ns)
                if isinstance(follows, Offer):
                    self.commit(follows, follows.join(), now_ns)

    @property
    def spare_s(self) -> float:
        """By how much less than a period may pass until the next command, in s, without exceeding
        a velocity limit in the intervals in which commands arrive."""
        if self.is_at_rest or self._moves.timeline is None:
            return SPARE_SHARE * self.settings.period_s
        return self._moves.spare_s

    def consumed_s(self, stamp_ns: int, now_ns: int) -> float:
        """Chunk time in s that has passed between a chunk's stamp and `now_ns`."""
        return self._times.consumption.between_s(stamp_ns, now_ns)

    def is_void(self, chunk: Chunk, now_ns: int) -> bool:
        """Whether a chunk would be refused as void or late, whatever its values."""
        return bool(self._void(chunk, now_ns) or early_reason(chunk, now_ns))

    def cancel(self, epoch: int, now_ns: int) -> None:
        """Stop the motion and make chunks of older epochs void."""
        if epoch < self.epoch:
            return
        self._begin_epoch(epoch)
        self._refusals.forgive()
        if not self.is_idle:
            self.halt(StopReason.CANCELLED, now_ns)

    def halt(self, reason: StopReason, now_ns: int, detail: str = "") -> None:
        """Stop the motion within the limits, for a reason with `detail` in words."""
        # What a jump of the clock makes look stale is not the reason.
        self._notice_gap(now_ns)
        self.stops.stop(reason, detail, self._is_moving)
        self._stop_motion(now_ns)

    @property
    def _is_moving(self) -> bool:
        """Whether anybody would see it."""
        return not self.is_at_rest and self._moves.timeline is not None and self._moves.is_visible

    def press(self, reason: StopReason, pressed: bool, now_ns: int) -> None:
        """Set or clear a lasting stop condition: the emergency stop or a fault of the robot."""
        self.stops.press(reason, pressed)
        if pressed:
            self._stop_motion(now_ns)

    def _stop_motion(self, now_ns: int) -> None:
        self._notice_gap(now_ns)
        self._end_running(self._running)
        self._strategy.forget()
        self._drop_ahead()
        if self.activity is Activity.EXECUTING:
            self._note(self._moves.stop())
            self.activity = Activity.STOPPING

    def _note(self, failed: Exception | None) -> None:
        """Somebody has to look at what went wrong when a stop was planned."""
        if failed:
            self.stops.stop(StopReason.FAILED, f"{type(failed).__name__}: {failed}")

    def forgive(self) -> None:
        """Reset the count of refused chunks."""
        self._refusals.forgive()

    def resume(self) -> str | None:
        """Allow motion after a stop; the reason where a stop condition still holds."""
        self._flood.forget()
        self._refusals.forgive()
        return self.stops.resume()

    def release(self, now_ns: int) -> None:
        """Command nothing until the next chunk."""
        self._end_running(self._running)
        self._drop_ahead()
        self.activity = Activity.IDLE

    def take_ended(self) -> list[Execution]:
        """Results of the chunks whose execution has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def progress(self, now_ns: int) -> Progress | None:
        """Progress of the executed chunk; None where none is executed."""
        running = self._running
        if running is None or self.activity is not Activity.EXECUTING:
            return None
        since_ns = self._times.since_command_ns(now_ns)
        return Progress(
            stamp_ns=now_ns,
            chunk_id=running.chunk_id,
            epoch=self.epoch,
            step=running.step_at(self._moves.time_ns + since_ns),
            rate=running.joined.rate,
            delay_steps=running.joined_step,
        )

    @property
    def motion(self) -> Motion | None:
        """The planned motion, which always ends at rest."""
        timeline = self._moves.timeline
        return timeline.current.motion if timeline else None

    @property
    def time_ns(self) -> int:
        """The motion's own time in ns, that of the last command."""
        return self._moves.time_ns

    @property
    def grip_goals(self) -> Closures:
        """The closures that the grippers move to; None for one that was never commanded."""
        return self._grippers.goals

    def measured(self, value: Array, now_ns: int) -> None:
        """Take a measured value (V,); the motion stops where it is too far from what was
        commanded."""
        if self.is_idle:
            return
        astray = self._tracking.measured(value, now_ns)
        if astray and self.stops.reason is not StopReason.ASTRAY:
            self.halt(StopReason.ASTRAY, now_ns, astray)

    def _end_running(self, running: Running | None, time_ns: int | None = None) -> None:
        """A chunk ends, at a time of the motion or with the last command."""
        self._running = None
        if running is not None:
            self._ended.append(running.execution(self.time_ns if time_ns is None else time_ns))

    def setpoint(self, now_ns: int) -> Setpoint | None:
        """The next command; None while nothing is to be commanded."""
        if not self.is_idle:
            self._watch(now_ns)
        if self.is_idle or self._moves.timeline is None:
            return None
        step = self._step = self._moves.step()
        self._pass(step, now_ns)
        closures = self._grippers.follow(
            self._running,
            self.time_ns,
            self.settings.period_s,
            self._strategy.waits_for_end or self.is_at_rest,
        )
        return self._command(step, closures, now_ns)

    def fail(self, detail: str, now_ns: int) -> Setpoint | None:
        """The next command where `setpoint` raised or could not be called.

        The governor brakes without regard to the plan, or repeats the step that it had already
        taken.
        """
        self._running = None
        self.halt(StopReason.FAILED, now_ns, detail)
        if self.is_idle:
            return None
        step = self._step or self._moves.unplanned_step()
        if not self.is_at_rest:
            self._note(self._moves.brake())
        self._times.last_ns = now_ns
        return self._command(step, self._grippers.closures, now_ns)

    def _command(self, step: Step, closures: Closures, now_ns: int) -> Setpoint:
        value = self._last_value = self._same_sign(step.value)
        self._tracking.commanded(value, now_ns)
        self._measure_seam(value)
        self._step = None
        return Setpoint.of(self.settings.signal, value, closures, step.velocity)

    def _pass(self, step: Step, now_ns: int) -> None:
        """A command is made: time passes, for the motion and for its chunk."""
        times, before_ns, running = self._times, self.time_ns, self._running
        self._moves.advance(step)
        passed_s = (now_ns - times.last_ns) / 1e9
        if running and self.activity is Activity.EXECUTING:
            chunk_s = running.joined.chunk_s
            passed_s = chunk_s(self.time_ns) - chunk_s(before_ns)
        times.consumption.mark(now_ns, passed_s)
        times.last_ns = now_ns
        self._commands += 1
        if step.is_intervention:
            self.interventions += 1
            if self._running:
                self._running.interventions += 1
        if step.left_path:
            self._leave_path(now_ns)
        else:
            self._switch()
        running = self._running if self.activity is Activity.EXECUTING else None
        times.consumption.set_rate(now_ns, running.joined.rate if running else 1.0)

    def _leave_path(self, now_ns: int) -> None:
        """Braking was needed that the motion does not have: it is over."""
        if self.activity is Activity.EXECUTING:
            self.halt(StopReason.GOVERNED, now_ns)
        self._note(self._moves.brake())

    def _measure_seam(self, value: Array) -> None:
        """How far commands jump, were they sent at their times."""
        self._meter.add(value, self._commands * self._moves.period_ns)
        if not self._running or self._seam_commands == 0:
            return
        if (jump := self._meter.jump) is not None:
            self._running.note_seam(Jump.of(jump, self._moves.bounds.kind))
            self._seam_commands -= 1

    def _same_sign(self, value: Array) -> Array:
        """A pose whose quaternion has the sign of the last one: both mean the same rotation."""
        last = self._last_value
        return value if last is None else self._moves.bounds.kind.same_sign(value, last)

    def _watch(self, now_ns: int) -> None:
        """What has become due since the last command."""
        self._notice_gap(now_ns)
        moves, times, watchdog_s = self._moves, self._times, self.settings.watchdog_s
        has_ended = moves.has_ended
        if self.activity is Activity.EXECUTING:
            if moves.is_played:
                # What is left is the motion's end.
                self.stops.stop(StopReason.STARVED)
                self.activity = Activity.STOPPING
            elif times.is_silent(now_ns, watchdog_s):
                limit = f"watchdog: {watchdog_s:g} s of the chunk's time"
                detail = f"none for {times.silent_s(now_ns):.1f} s ({limit})"
                self.halt(StopReason.STARVED, now_ns, detail)
        if self.activity is Activity.STOPPING and has_ended:
            self.activity = Activity.HOLDING
            times.hold(now_ns)
            if self.stops.is_lost:
                self.release(now_ns)
        if self.activity is Activity.HOLDING and times.held_ns(now_ns) > watchdog_s * 1e9:
            if self.stops.reason is StopReason.STARVED:
                self.stops.stop(StopReason.POLICY_GONE)
            self.release(now_ns)

    def _notice_gap(self, now_ns: int) -> None:
        """Whoever comes first after a time without commands must not see the motion go on."""
        if not self.is_idle and self._times.has_gap(now_ns, self.settings.longest_gap_s):
            self._freeze(now_ns)

    def clock_set(self, by_ns: int, now_ns: int) -> None:
        """Shift recorded times after the clock was set by `by_ns` during a motion, and
        decelerate."""
        self._times.clock_set(by_ns)
        self._tracking.clear()
        if not self.is_idle:
            self.halt(StopReason.CLOCK, now_ns)

    def _freeze(self, now_ns: int) -> None:
        """No command came for long: the robot has come to rest at the last one, go on from there;
        one that has a whole motion of trajectory points is on its way to the end of that."""
        self.stops.stop(StopReason.CLOCK)
        if self.settings.interpolated and (timeline := self._moves.timeline):
            self._times.let_go_on(now_ns, timeline.current.motion.end_ns - timeline.now_ns)
        self._end_running(self._running)
        self._strategy.forget()
        self._waiting = None
        self._rest_at(self._moves.value if self._last_value is None else self._last_value)
        self._times.begin_anew(now_ns)
        self.activity = Activity.IDLE if self.settings.interpolated else Activity.STOPPING
