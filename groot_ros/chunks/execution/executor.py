"""Turning chunks into setpoints at the command rate; pure, the caller brings the clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.admission import Flood, Refusals, void_reason
from groot_ros.chunks.execution.consumption import Consumption
from groot_ros.chunks.execution.following import TrackingMonitor
from groot_ros.chunks.execution.gripper import Closures, Grippers
from groot_ros.chunks.execution.joining import Admitted, Offer, accept_ahead
from groot_ros.chunks.execution.motion import Joined, Motion, Planner
from groot_ros.chunks.execution.running import Execution, Running
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.stopping import Activity, StopMachine, StopReason
from groot_ros.chunks.execution.strategies import make_strategy
from groot_ros.chunks.execution.timeline import Planned, Timeline
from groot_ros.chunks.grading import Grade
from groot_ros.chunks.limits.bounds import Bounds, gap_refusal, refusal
from groot_ros.chunks.limits.constraint import Constraint
from groot_ros.chunks.limits.controller_spline import INTERPOLATED
from groot_ros.chunks.limits.governor import Governor, Step
from groot_ros.chunks.limits.shaping import shaped, window
from groot_ros.chunks.limits.tool_orientation import tool_orientation
from groot_ros.chunks.measures import Jump, SeamMeter
from groot_ros.chunks.progress import Progress
from groot_ros.robot.limits import Limits

Array = NDArray[np.float64]

# The first command after a seam may fall on the seam itself.
SEAM_COMMANDS = 2
# In m/s or rad/s: what is slower looks as if it stood.
SLOWEST = 2e-3
# A chunk whose time passes slower than this share of the clock is not waited for.
SLOWEST_SHARE = 0.1
# Two commands are never nearer than the rest of a period.
SPARE_SHARE = 0.8
# Of a stop that nobody remembers the reason of, since somebody has resumed.
STOPS_FIRST = "the arm comes to rest first, its place was not known for a while"
# A join is planned as far ahead as the last ones took, with room; that is forgotten slowly.
LEAD_FACTOR, LEAD_KEPT, LONGEST_LEAD_S = 1.5, 0.9, 1.0


class ChunkExecutor:
    """Follows the chunks that it is given, within the robot's limits, and stops in order.

    Every call of `setpoint` is one command and one period of the motion, however late it comes.
    Chunks are joined to where the motion will be (`joining`), every planned motion ends at rest,
    and the governor has the last word on every command. A chunk that is void, late or beyond the
    limits is refused with a reason and the old one goes on.
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
        self._bounds = Bounds.of(self.limits, self.settings.signal.kind)
        period_s = self.settings.period_s
        self._period_ns = round(period_s * 1e9)
        planned = shaped(self._bounds, period_s)
        if self.settings.interpolated:
            planned = planned.scaled(INTERPOLATED)
        tool = tool_orientation(limits, settings.signal.kind)
        averaged = window(self._bounds, period_s)
        self._planner = Planner(planned, period_s, averaged=averaged, tool=tool)
        self._governor = Governor(self._bounds, period_s)
        self._strategy = make_strategy(self.settings.strategy)
        self._flood = Flood()
        self._refusals = Refusals(self.settings.rejected_in_row)
        self._consumption = Consumption()
        self._meter = SeamMeter(self._bounds.space)
        self._step: Step | None = None
        self._tracking = TrackingMonitor(self.settings.signal.kind, self.limits.following)
        self._timeline: Timeline | None = None
        self._running: Running | None = None
        self._waiting: Admitted | None = None
        self._version = 0
        self._lead_s = 0.0
        self._grippers = Grippers(settings.grips, self.limits.grip_speed)
        self._commands = 0
        self._last_ns = 0
        self._last_value: Array | None = None
        self._heard_ns = 0
        self._hold_since_ns = 0
        self._goes_on_until_ns: int | None = None
        self._seam_commands = 0
        self._ended: list[Execution] = []
        self.watch(constraints)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is commanded, so that a motion has to start where the robot is."""
        return self.activity is Activity.IDLE

    @property
    def is_at_rest(self) -> bool:
        return self.activity in (Activity.IDLE, Activity.HOLDING)

    @property
    def begins_anew(self) -> bool:
        """Whether the next chunk begins where the robot is (`start_from`)."""
        return self.is_at_rest and not self.stops.blocked

    def watch(self, constraints: Sequence[Constraint]) -> None:
        """Plan nothing that passes these from now on, and stop rather than pass."""
        every = (*([self._planner.tool] if self._planner.tool else []), *constraints)
        self._planner = replace(self._planner, constraints=every)
        self._governor.watch(every)

    @property
    def held(self) -> Array:
        """Where the motion is (V,), once one has begun."""
        return self._governor.value

    def start_from(self, value: Array, closures: Closures, now_ns: int) -> None:
        """Where the robot is, before the first chunk and before the first one after a stop, and
        its grippers, as far as anybody knows.

        While the command that it was stopped at is still sent and the robot follows it, the motion
        goes on from that command: to step back to where the robot is would be a jump.
        """
        if self.is_idle:
            self._grippers.start_from(closures)
        elif not self.begins_anew or self._tracking.is_near(value, self._governor.value):
            return
        self._rest_at(value)
        self._last_ns = now_ns - self._period_ns
        self._consumption.set_rate(self._last_ns, 1.0)

    def _rest_at(self, value: Array) -> None:
        """At rest there, whatever was before."""
        now_ns = self._timeline.now_ns if self._timeline else 0
        self._version += 1
        self._governor.start(value)
        self._timeline = Timeline(Planned(self._planner.rest(value, now_ns)), now_ns)
        self._meter.clear()
        self._tracking.clear()

    def accept(self, chunk_id: int, chunk: Chunk, now_ns: int) -> str | None:
        """Take a chunk while time stands still; the reason when it is refused."""
        return accept_ahead(
            self, nullcontext(), clock=lambda: now_ns, chunk_id=chunk_id, chunk=chunk
        )

    def admit(self, chunk_id: int, chunk: Chunk, now_ns: int) -> Admitted | str:
        """A chunk has come; the reason when it may not be executed."""
        self._notice_gap(now_ns)
        self._heard_ns = now_ns
        if self._flood.comes(now_ns):
            self.halt(StopReason.FLOOD, now_ns)
        if reason := self._void(chunk, now_ns):
            return reason
        reason = refusal(chunk, self.settings.signal, self.limits)
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
        until_ns = self._goes_on_until_ns
        goes_on = until_ns is not None and now_ns < until_ns
        if self.stops.blocked or self._is_lost or goes_on:
            return self.stops.sentence or STOPS_FIRST
        return None

    def _void(self, chunk: Chunk, now_ns: int) -> str | None:
        """Why a chunk has nothing to say any more, or nothing may be said now."""
        if (reason := self._barred(now_ns)) and chunk.epoch >= self.epoch:
            return reason
        return void_reason(chunk, self.epoch, self._consumption, now_ns)

    def count_refusal(self, reason: str | None, now_ns: int) -> None:
        """A chunk was refused for a reason, or None: taken; too many in a row stop the motion."""
        if self._refusals.is_too_much(reason):
            self.halt(StopReason.REJECTED, now_ns, reason or "")

    def _begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self._strategy.forget()
        self._grippers.forget()
        self._drop_ahead()

    def _drop_ahead(self) -> None:
        self._version += 1
        self._waiting = None
        if self._timeline:
            self._timeline.drop_ahead()

    def offer(self, admitted: Admitted, now_ns: int) -> Offer | str | None:
        """Where the motion will be when a chunk can be joined to it, or why it cannot; None for
        one that waits for the end of the running chunk and will have passed by then."""
        timeline, period_ns, chunk = self._timeline, self._period_ns, admitted.chunk
        if timeline is None:
            return "the robot's state is not known"
        if reason := self._barred(now_ns):
            return reason
        lead = 1 + math.ceil(self._lead_s * 1e9 / period_ns)
        waits = self._strategy.waits_for_end and self.activity is Activity.EXECUTING
        if waits:
            left_ns = timeline.current.motion.active_end_ns - timeline.now_ns
            lead = max(lead, round(left_ns / period_ns))
        due_ns = max(now_ns, self._last_ns + period_ns) + (lead - 1) * period_ns
        if reason := void_reason(chunk, self.epoch, self._consumption, due_ns):
            return None if waits else reason
        steps, step_s = chunk.signals[self.settings.signal.name], chunk.step_ns / 1e9
        curve = self._planner.inside(chunk.curve or self._planner.curve(steps, step_s))
        from_s = self._consumption.between_s(chunk.stamp_ns, due_ns)
        offer = self._offer(admitted, curve, from_s=max(from_s, 0.0), lead=lead, now_ns=now_ns)
        gap = self._gap(offer)
        return gap_refusal(gap, self._bounds) or offer

    def _offer(
        self, admitted: Admitted, curve: Curve, from_s: float, lead: int, now_ns: int
    ) -> Offer:
        timeline = self._timeline
        assert timeline
        at_ns = timeline.now_ns + lead * self._period_ns
        return Offer(
            admitted=admitted,
            planner=self._planner,
            curve=curve,
            from_s=from_s,
            old=timeline.at(at_ns).motion,
            velocity=self._velocity_before(timeline, at_ns, lead),
            at_ns=at_ns,
            blend_s=self.settings.blend_s,
            speed_scale=self.speed_scale * admitted.chunk.verdict.speed * admitted.chunk.speed,
            version=self._version,
            made_ns=now_ns,
        )

    def _velocity_before(self, timeline: Timeline, at_ns: int, lead: int) -> Array:
        """That of the command at `at_ns`, as the commands will tell it."""
        end, start = timeline.value(at_ns), timeline.value(at_ns - self._period_ns)
        start = self._governor.value if lead == 1 else start
        return self._bounds.space.difference(end, start) / self.settings.period_s

    def _gap(self, offer: Offer) -> Array:
        """From the chunk to the motion, where they are joined."""
        space = self._bounds.space
        return space.difference(offer.old.value(offer.at_ns), offer.curve.at(offer.from_s))

    def commit(self, offer: Offer, joined: Joined | None, now_ns: int) -> tuple[str | None, bool]:
        """Let a motion follow; the reason when it does not, and whether that is because it came
        too late."""
        took_s = (now_ns - offer.made_ns) / 1e9
        self._lead_s = min(max(LEAD_FACTOR * took_s, LEAD_KEPT * self._lead_s), LONGEST_LEAD_S)
        timeline = self._timeline
        if timeline is None or offer.version != self._version or timeline.now_ns >= offer.at_ns:
            return f"joining it took {took_s:.2f} s, and the motion had gone on by then", True
        if joined is None:
            return "it cannot be joined to the motion within the limits", False
        admitted = offer.admitted
        running = Running(
            chunk_id=admitted.chunk_id,
            chunk=admitted.chunk,
            curve=offer.curve,
            joined=joined,
            arrived_ns=admitted.arrived_ns,
            joined_step=offer.from_s * 1e9 / admitted.chunk.step_ns,
            gap=Jump.of(self._gap(offer), self._bounds.kind),
            seam=Jump(),
        )
        self._plan(running, now_ns)
        return None, False

    def _plan(self, running: Running, now_ns: int) -> None:
        assert self._timeline
        self._version += 1
        self._timeline.follow(Planned(running.joined.motion, running))
        if self.is_idle:
            self.activity, self._hold_since_ns = Activity.HOLDING, now_ns
        self._switch(self._timeline.now_ns + self._period_ns)

    def _switch(self, time_ns: int) -> None:
        """Follow what is due with the next command."""
        assert self._timeline
        while True:
            before = self._timeline.current.running
            planned = self._timeline.next_due(time_ns)
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
        """Stretch chunk time from now on, smoothly."""
        self._notice_gap(now_ns)
        self.speed_scale = speed_scale
        timeline, running, waiting = self._timeline, self._running, self._waiting
        if timeline is None or running is None or self.activity is not Activity.EXECUTING:
            return
        at_ns = timeline.now_ns + self._period_ns
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
        """By how much sooner than a period after the last command the next one may come, were
        somebody to look at their times: no faster than the velocity limits even then."""
        period_s = self.settings.period_s
        if self.is_at_rest or self._timeline is None:
            return SPARE_SHARE * period_s
        bounds = self._bounds
        speed = bounds.space.lengths(self._governor.velocity)
        hardest = np.maximum(bounds.acceleration, bounds.deceleration)
        share = float(((speed + 2 * period_s * hardest) / bounds.velocity).max())
        return period_s * min(max(1.0 - share, 0.0), SPARE_SHARE)

    def consumed_s(self, stamp_ns: int, now_ns: int) -> float:
        """How much of a chunk's time has passed since its stamp."""
        return self._consumption.between_s(stamp_ns, now_ns)

    def is_void(self, chunk: Chunk, now_ns: int) -> bool:
        """Whether a chunk would be refused, whatever its steps are."""
        return self._void(chunk, now_ns) is not None

    def cancel(self, epoch: int, now_ns: int) -> None:
        """End the motion; chunks of older epochs are void."""
        if epoch < self.epoch:
            return
        self._begin_epoch(epoch)
        self._refusals.forgive()
        if not self.is_idle:
            self.halt(StopReason.CANCELLED, now_ns)

    def halt(self, reason: StopReason, now_ns: int, detail: str = "") -> None:
        """Come to rest within the limits, for a reason."""
        # What a jump of the clock makes look stale is not the reason.
        self._notice_gap(now_ns)
        self.stops.stop(reason, detail, self._is_moving)
        self._stop_motion(now_ns)

    @property
    def _is_moving(self) -> bool:
        """Whether anybody would see it."""
        if self.is_at_rest or self._timeline is None:
            return False
        speed = self._bounds.space.lengths(self._governor.velocity)
        return bool(np.any(speed > SLOWEST))

    def press(self, reason: StopReason, pressed: bool, now_ns: int) -> None:
        """The emergency stop or a fault of the robot begins or ends."""
        self.stops.press(reason, pressed)
        if pressed:
            self._stop_motion(now_ns)

    def _stop_motion(self, now_ns: int) -> None:
        self._notice_gap(now_ns)
        self._end_running(self._running)
        self._strategy.forget()
        self._drop_ahead()
        timeline = self._timeline
        if timeline is None or self.activity is not Activity.EXECUTING:
            return
        if timeline.current.motion.active_end_ns > timeline.now_ns:
            if self.settings.interpolated:
                self._brake_ahead(timeline)
            else:
                self._brake()
        self.activity = Activity.STOPPING

    def _brake_ahead(self, timeline: Timeline) -> None:
        """Stop from where the next command leads: a controller that was sent the whole motion is
        there when it hears of the stop."""
        at_ns = timeline.now_ns + self._period_ns
        try:
            velocity = self._velocity_before(timeline, at_ns, 1)
            motion = self._planner.stop(timeline.value(at_ns), velocity, at_ns)
        except Exception as error:
            self._fail(error)
            self._brake()
        else:
            timeline.end_with(Planned(motion))

    def _brake(self) -> None:
        """Stop from where the last command led, as fast as it did."""
        assert self._timeline
        governor, time_ns = self._governor, self._timeline.now_ns
        try:
            motion = self._planner.stop(governor.value, governor.velocity, time_ns)
        except Exception as error:
            # Whatever it is, an arm has to stop: the governor brakes for a motion that stands.
            self._fail(error)
            motion = self._planner.rest(governor.value, time_ns)
        self._timeline = Timeline(Planned(motion), time_ns)

    def _fail(self, error: Exception) -> None:
        self.stops.stop(StopReason.FAILED, f"{type(error).__name__}: {error}")

    def forgive(self) -> None:
        """Chunks that were refused so far do not count."""
        self._refusals.forgive()

    def resume(self) -> str | None:
        """Let chunks move the robot again; the reason why not."""
        self._flood.forget()
        self._refusals.forgive()
        return self.stops.resume()

    def release(self, now_ns: int) -> None:
        """Command nothing until the next chunk."""
        self._end_running(self._running)
        self._drop_ahead()
        self.activity = Activity.IDLE

    def take_ended(self) -> list[Execution]:
        """What became of the chunks that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def progress(self, now_ns: int) -> Progress | None:
        """How far the running chunk is; None when none is executed."""
        running, timeline = self._running, self._timeline
        if running is None or timeline is None or self.activity is not Activity.EXECUTING:
            return None
        since_ns = min(max(0, now_ns - self._last_ns), self._period_ns)
        return Progress(
            stamp_ns=now_ns,
            chunk_id=running.chunk_id,
            epoch=self.epoch,
            step=running.step_at(timeline.now_ns + since_ns),
            rate=running.joined.rate,
            delay_steps=running.joined_step,
        )

    @property
    def motion(self) -> Motion | None:
        """What is planned; it always ends at rest."""
        return self._timeline.current.motion if self._timeline else None

    @property
    def time_ns(self) -> int:
        """The motion's own time, that of the last command."""
        return self._timeline.now_ns if self._timeline else 0

    @property
    def grip_goals(self) -> Closures:
        """The closures that the grippers go to, None where none was commanded."""
        return self._grippers.goals

    def measured(self, value: Array, now_ns: int) -> None:
        """The robot is there; the motion stops when that is too far from its commands."""
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
        """The next command, None when nothing is to be commanded."""
        if not self.is_idle:
            self._watch(now_ns)
        if self.is_idle or self._timeline is None:
            return None
        step = self._step = self._governor.step(self._timeline.path(self._period_ns))
        self._pass(step, now_ns)
        closures = self._grippers.follow(
            self._running,
            self._timeline.now_ns,
            self.settings.period_s,
            self._strategy.waits_for_end or self.is_at_rest,
        )
        return self._command(step, closures, now_ns)

    def fail(self, detail: str, now_ns: int) -> Setpoint | None:
        """The next command where `setpoint` raised or could not be called: the governor's braking
        with no regard to what was planned, or the step that it had taken already."""
        self._running = None
        self.halt(StopReason.FAILED, now_ns, detail)
        if self.is_idle:
            return None
        step = self._step or self._governor.brake()
        if not self.is_at_rest:
            self._brake()
        self._last_ns = now_ns
        return self._command(step, self._grippers.closures, now_ns)

    def _command(self, step: Step, closures: Closures, now_ns: int) -> Setpoint:
        value = self._last_value = self._same_sign(step.value)
        self._tracking.commanded(value, now_ns)
        self._measure_seam(value)
        self._step = None
        return Setpoint.of(self.settings.signal, value, closures, step.velocity)

    def _pass(self, step: Step, now_ns: int) -> None:
        """A command is made: time passes, for the motion and for its chunk."""
        timeline = self._timeline
        assert timeline
        before_ns, running = timeline.now_ns, self._running
        timeline.advance(round(step.share * self._period_ns))
        passed_s = (now_ns - self._last_ns) / 1e9
        if running and self.activity is Activity.EXECUTING:
            chunk_s = running.joined.chunk_s
            passed_s = chunk_s(timeline.now_ns) - chunk_s(before_ns)
        self._consumption.mark(now_ns, passed_s)
        self._last_ns = now_ns
        self._commands += 1
        if step.is_intervention:
            self.interventions += 1
            if self._running:
                self._running.interventions += 1
        if step.left_path:
            self._leave_path(now_ns)
        else:
            self._switch(timeline.now_ns + self._period_ns)
        running = self._running if self.activity is Activity.EXECUTING else None
        self._consumption.set_rate(now_ns, running.joined.rate if running else 1.0)

    def _leave_path(self, now_ns: int) -> None:
        """Braking was needed that the motion does not have: it is over."""
        if self.activity is Activity.EXECUTING:
            self.halt(StopReason.GOVERNED, now_ns)
        self._brake()

    def _measure_seam(self, value: Array) -> None:
        """How far commands jump, were they sent at their times."""
        self._meter.add(value, self._commands * self._period_ns)
        if not self._running or self._seam_commands == 0:
            return
        if (jump := self._meter.jump) is not None:
            self._running.note_seam(Jump.of(jump, self._bounds.kind))
            self._seam_commands -= 1

    def _same_sign(self, value: Array) -> Array:
        """A pose whose quaternion has the sign of the last one: both mean the same rotation."""
        last = self._last_value
        return value if last is None else self._bounds.kind.same_sign(value, last)

    def _watch(self, now_ns: int) -> None:
        """What has become due since the last command."""
        self._notice_gap(now_ns)
        timeline, settings = self._timeline, self.settings
        assert timeline
        motion = timeline.current.motion
        if self.activity is Activity.EXECUTING:
            if timeline.now_ns >= motion.active_end_ns and not timeline.has_more:
                # The chunk has been played: what is left is the motion's end.
                self.stops.stop(StopReason.STARVED)
                self.activity = Activity.STOPPING
            elif self._is_silent(now_ns):
                silent_s, limit_s = (now_ns - self._heard_ns) / 1e9, settings.watchdog_s
                detail = f"none for {silent_s:.1f} s (watchdog: {limit_s:g} s of the chunk's time)"
                self.halt(StopReason.STARVED, now_ns, detail)
        ended = timeline.now_ns >= timeline.current.motion.end_ns and self._governor.is_still
        if self.activity is Activity.STOPPING and ended:
            self.activity = Activity.HOLDING
            self._hold_since_ns = now_ns
            if self.stops.is_lost:
                self.release(now_ns)
        held_ns = now_ns - self._hold_since_ns
        if self.activity is Activity.HOLDING and held_ns > settings.watchdog_s * 1e9:
            if self.stops.reason is StopReason.STARVED:
                self.stops.stop(StopReason.POLICY_GONE)
            self.release(now_ns)

    def _is_silent(self, now_ns: int) -> bool:
        """Whether nothing was heard for more of the chunk's time than the watchdog allows.

        Who sends the next chunk after so many steps of this one waits longer where it is slow.
        """
        chunk_s = self._consumption.between_s(self._heard_ns, now_ns)
        clock_s = (now_ns - self._heard_ns) / 1e9
        return max(chunk_s, SLOWEST_SHARE * clock_s) > self.settings.watchdog_s

    def _notice_gap(self, now_ns: int) -> None:
        """Whoever comes first after a time without commands must not see the motion go on."""
        gap_ns = now_ns - self._last_ns
        is_gapless = -self._period_ns <= gap_ns <= self.settings.longest_gap_s * 1e9
        if not self.is_idle and not is_gapless:
            self._freeze(now_ns)

    def clock_set(self, by_ns: int, now_ns: int) -> None:
        """The clock was set while commands went on: what was noted of time is on the new one, and
        the arm decelerates."""
        self._last_ns += by_ns
        self._heard_ns += by_ns
        self._hold_since_ns += by_ns
        if self._goes_on_until_ns is not None:
            self._goes_on_until_ns += by_ns
        self._consumption = Consumption()
        self._consumption.set_rate(self._last_ns, 1.0)
        self._tracking.clear()
        if not self.is_idle:
            self.halt(StopReason.CLOCK, now_ns)

    def _freeze(self, now_ns: int) -> None:
        """No command came for long: the robot has come to rest at the last one, go on from there;
        one that has a whole motion of trajectory points is on its way to the end of that."""
        self.stops.stop(StopReason.CLOCK)
        if self.settings.interpolated and (timeline := self._timeline):
            left_ns = timeline.current.motion.end_ns - timeline.now_ns
            self._goes_on_until_ns = min(self._last_ns, now_ns) + left_ns
        self._end_running(self._running)
        self._strategy.forget()
        self._waiting = None
        self._rest_at(self._governor.value if self._last_value is None else self._last_value)
        self._heard_ns = now_ns
        self._consumption = Consumption()
        self._last_ns = now_ns - self._period_ns
        self._consumption.set_rate(self._last_ns, 1.0)
        self.activity = Activity.IDLE if self.settings.interpolated else Activity.STOPPING
