"""Turning chunks into setpoints at the command rate; pure, the caller brings the clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.admission import Admission, void_reason
from groot_ros.chunks.bounds import Bounds, gap_refusal, refusal
from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.consumption import Consumption
from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution_settings import ExecutionSettings
from groot_ros.chunks.grading import Grade
from groot_ros.chunks.grip_follower import GripFollower
from groot_ros.chunks.measures import Jump, SeamMeter
from groot_ros.chunks.motion import Joined, Motion, join, rest, stop
from groot_ros.chunks.progress import Progress
from groot_ros.chunks.running import Execution, Running
from groot_ros.chunks.stopping import Activity, StopMachine, StopReason
from groot_ros.chunks.strategies import make_strategy
from groot_ros.robot_limits import Limits

Array = NDArray[np.float64]

# The first command after a seam may fall on the seam itself.
SEAM_COMMANDS = 2


class ChunkExecutor:
    """Follows the chunks that it is given, within the robot's limits, and stops in order.

    The motion is continuous in position and velocity, whatever happens, and every motion that was
    planned ends at rest. A chunk that is void, late or beyond the limits is refused with a reason
    and the old one goes on.
    """

    def __init__(
        self, limits: Limits | None = None, settings: ExecutionSettings | None = None
    ) -> None:
        self.settings = settings or ExecutionSettings()
        self.limits = limits or Limits()
        self.activity = Activity.IDLE
        self.stops = StopMachine()
        self.epoch = 0
        self.speed_scale = 1.0
        self._bounds = Bounds.of(self.limits, self.settings.signal)
        self._strategy = make_strategy(self.settings.strategy)
        self._admission = Admission(self.settings.rejected_in_row)
        self._consumption = Consumption()
        self._meter = SeamMeter(self._bounds.space)
        self._motion: Motion | None = None
        self._running: Running | None = None
        self._waiting: tuple[int, Chunk, int] | None = None
        self._grip = GripFollower(self.limits.grip_speed)
        self._last_ns = 0
        self._last_value: Array | None = None
        self._heard_ns = 0
        self._hold_since_ns = 0
        self._seam_commands = 0
        self._ended: list[Execution] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing is commanded, so that a motion has to start where the robot is."""
        return self.activity is Activity.IDLE

    @property
    def is_at_rest(self) -> bool:
        return self.activity in (Activity.IDLE, Activity.HOLDING)

    def start_from(self, value: Array, grip: float | None, now_ns: int) -> None:
        """Where the robot is, before the first chunk: the motion begins there."""
        if self.is_idle:
            self._motion = rest(self._bounds, value, now_ns)
            self._grip.closure = grip
            self._last_ns = now_ns
            self._meter.clear()

    def accept(self, chunk_id: int, chunk: Chunk, now_ns: int) -> str | None:
        """Take a chunk from `now_ns` on; the reason when it is refused."""
        self._notice_gap(now_ns)
        self._heard_ns = now_ns
        if self._admission.is_flooded(now_ns):
            self.halt(StopReason.FLOOD, now_ns)
        if reason := self._void(chunk, now_ns):
            return reason
        reason = refusal(chunk, self.settings.signal, self.limits)
        if reason is None and chunk.verdict.grade is Grade.HOLD:
            reason = chunk.verdict.reason
            self.halt(StopReason.UNFAMILIAR, now_ns, reason)
        if reason is None:
            reason = self._take(chunk_id, chunk, now_ns)
        self.count_refusal(reason, now_ns)
        return reason

    def _void(self, chunk: Chunk, now_ns: int) -> str | None:
        """Why a chunk has nothing to say any more, or nothing may be said now."""
        if self.stops.blocked and chunk.epoch >= self.epoch:
            return self.stops.sentence
        return void_reason(chunk, self.epoch, self._consumption, now_ns)

    def count_refusal(self, reason: str | None, now_ns: int) -> None:
        """A chunk was refused for a reason, or None: taken; too many in a row stop the motion."""
        if self._admission.is_too_much(reason):
            self.halt(StopReason.REJECTED, now_ns, reason or "")

    def _take(self, chunk_id: int, chunk: Chunk, now_ns: int) -> str | None:
        if chunk.epoch > self.epoch:
            self._begin_epoch(chunk.epoch)
        executing = self.activity is Activity.EXECUTING
        if self._strategy.waits_for_end and executing:
            self._waiting = (chunk_id, chunk, now_ns)
            return None
        return self._follow(chunk_id, self._strategy.merge(chunk), now_ns, now_ns)

    def _begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch
        self._strategy.forget()
        self._waiting = None

    def _follow(self, chunk_id: int, chunk: Chunk, now_ns: int, arrived_ns: int) -> str | None:
        """Join a chunk to the motion; the reason when that is not possible."""
        if self._motion is None:
            return "the robot's state is not known"
        curve = chunk.curve or Curve.through(
            self._bounds.space, getattr(chunk, self.settings.signal), chunk.step_ns / 1e9
        )
        from_s = self._consumption.between_s(chunk.stamp_ns, now_ns)
        state = self._motion.state(now_ns)
        gap = self._bounds.space.difference(state[0], curve.at(from_s))
        if reason := gap_refusal(gap, self._bounds, self.settings.signal):
            return reason
        joined = self._join(chunk, curve, from_s, now_ns)
        if joined is None:
            return "it cannot be joined to the motion within the limits"
        self._end_running(now_ns)
        self._running = Running(
            chunk_id,
            chunk,
            curve,
            joined,
            arrived_ns,
            from_s * 1e9 / chunk.step_ns,
            Jump.of(gap, self.settings.signal),
            Jump(),
        )
        self._start(joined, now_ns)
        return None

    def _join(self, chunk: Chunk, curve: Curve, from_s: float, now_ns: int) -> Joined | None:
        assert self._motion is not None
        return join(
            self._bounds,
            curve,
            from_s,
            self._motion.state(now_ns),
            now_ns,
            self.settings.blend_s,
            self.speed_scale * chunk.verdict.speed * chunk.speed,
        )

    def _start(self, joined: Joined, now_ns: int) -> None:
        self._motion = joined.motion
        self._consumption.set_rate(now_ns, joined.rate)
        self._seam_commands = SEAM_COMMANDS
        self.activity = Activity.EXECUTING
        self.stops.moving()

    def set_speed_scale(self, speed_scale: float, now_ns: int) -> None:
        """Stretch chunk time from now on, smoothly."""
        self._notice_gap(now_ns)
        self.speed_scale = speed_scale
        running = self._running
        if running is None or self.activity is not Activity.EXECUTING:
            return
        from_s = running.step_at(now_ns) * running.chunk.step_ns / 1e9
        if joined := self._join(running.chunk, running.curve, from_s, now_ns):
            running.joined = joined
            self._start(joined, now_ns)

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
        self._admission.forgive()
        if not self.is_idle:
            self.halt(StopReason.CANCELLED, now_ns)

    def halt(self, reason: StopReason, now_ns: int, detail: str = "") -> None:
        """Come to rest within the limits, for a reason."""
        # What a jump of the clock makes look stale is not the reason.
        self._notice_gap(now_ns)
        self.stops.stop(reason, now_ns, detail)
        self._stop_motion(now_ns)

    def press(self, reason: StopReason, pressed: bool, now_ns: int) -> None:
        """The emergency stop or a fault of the robot begins or ends."""
        self.stops.press(reason, pressed, now_ns)
        if pressed:
            self._stop_motion(now_ns)

    def _stop_motion(self, now_ns: int) -> None:
        self._notice_gap(now_ns)
        self._end_running(now_ns)
        self._waiting = None
        self._strategy.forget()
        if self._motion is None or self.activity is not Activity.EXECUTING:
            return
        if self._motion.active_end_ns > now_ns:
            self._motion = stop(self._bounds, *self._motion.state(now_ns), now_ns)
        self._consumption.set_rate(now_ns, 1.0)
        self.activity = Activity.STOPPING

    def resume(self) -> str | None:
        """Let chunks move the robot again; the reason why not."""
        self._admission.clear()
        return self.stops.resume()

    def release(self, now_ns: int) -> None:
        """Command nothing until the next chunk."""
        self._end_running(now_ns)
        self.activity = Activity.IDLE
        self._motion = self._waiting = None

    def take_ended(self) -> list[Execution]:
        """What became of the chunks that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def progress(self, now_ns: int) -> Progress | None:
        """How far the running chunk is; None when none is executed."""
        running = self._running
        if running is None or self.activity is not Activity.EXECUTING:
            return None
        return Progress(
            now_ns,
            running.chunk_id,
            self.epoch,
            running.step_at(now_ns),
            running.joined.rate,
            running.joined_step,
        )

    @property
    def motion(self) -> Motion | None:
        """What is planned; it always ends at rest."""
        return self._motion

    def _end_running(self, now_ns: int) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        self._ended.append(running.execution(now_ns))

    def setpoint(self, now_ns: int) -> Setpoint | None:
        """What to command now, None when nothing is to be commanded."""
        if not self.is_idle:
            self._watch(now_ns)
        if self.is_idle or self._motion is None:
            return None
        value, velocity = self._motion.state(now_ns)
        value = self._last_value = self._same_sign(value)
        jump = self._meter.add(value, now_ns)
        if self._running and jump is not None and self._seam_commands > 0:
            self._running.note_seam(Jump.of(jump, self.settings.signal))
            self._seam_commands -= 1
        wanted = self._running.grip_at(now_ns) if self._running else None
        grip = self._grip.follow(wanted, (now_ns - self._last_ns) / 1e9)
        self._last_ns = now_ns
        return Setpoint.of(self.settings.signal, value, grip, velocity)

    def glimpse(self, now_ns: int) -> Setpoint | None:
        """The setpoint of the motion as it is, for a thread that cannot wait for another one that
        is taking a chunk; nothing is looked after."""
        motion = self._motion
        if self.is_idle or motion is None or not self._is_gapless(now_ns):
            return None
        value, velocity = motion.state(now_ns)
        signal, grip = self.settings.signal, self._grip.closure
        return Setpoint.of(signal, self._same_sign(value), grip, velocity)

    def _same_sign(self, value: Array) -> Array:
        """A pose whose quaternion has the sign of the last one: both mean the same rotation."""
        last = self._last_value
        if self.settings.signal == "ee_pose" and last is not None and value[3:] @ last[3:] < 0:
            return np.concatenate([value[:3], -value[3:]])
        return value

    def _watch(self, now_ns: int) -> None:
        """What has become due since the last command."""
        assert self._motion is not None
        settings = self.settings
        self._notice_gap(now_ns)
        silent_ns = now_ns - self._heard_ns
        if self.activity is Activity.EXECUTING:
            if now_ns > self._motion.active_end_ns:
                self._run_out(now_ns)
            elif silent_ns > settings.watchdog_s * 1e9:
                self.halt(StopReason.STARVED, now_ns)
        if self.activity is Activity.STOPPING and now_ns >= self._motion.end_ns:
            self.activity = Activity.HOLDING
            self._hold_since_ns = now_ns
        if (
            self.activity is Activity.HOLDING
            and now_ns - self._hold_since_ns > settings.watchdog_s * 1e9
        ):
            if self.stops.reason is StopReason.STARVED:
                self.stops.stop(StopReason.POLICY_GONE, now_ns)
            self.release(now_ns)

    def _notice_gap(self, now_ns: int) -> None:
        """Whoever comes first after a jump of time must not see the motion go on meanwhile."""
        if not self.is_idle and not self._is_gapless(now_ns):
            self._freeze(now_ns)

    def _is_gapless(self, now_ns: int) -> bool:
        return 0 <= now_ns - self._last_ns <= self.settings.longest_gap_s * 1e9

    def _freeze(self, now_ns: int) -> None:
        """Time has jumped: the robot has come to rest at the last command, go on from there."""
        assert self._motion is not None
        value = self._motion.state(self._last_ns)[0]
        self.stops.stop(StopReason.CLOCK, now_ns)
        self._end_running(self._last_ns)
        self._waiting = None
        self._strategy.forget()
        self._motion = rest(self._bounds, value, now_ns)
        self._heard_ns = now_ns
        self._consumption = Consumption()
        self._meter.clear()
        self._last_ns = now_ns
        self.activity = Activity.STOPPING

    def _run_out(self, now_ns: int) -> None:
        """The chunk has been played: the one that waits follows, else the motion's end."""
        if self._waiting is not None:
            chunk_id, chunk, arrived_ns = self._waiting
            self._waiting = None
            reason = self._void(chunk, now_ns)
            if reason is None and self._follow(chunk_id, chunk, now_ns, arrived_ns) is None:
                return
        self.stops.stop(StopReason.STARVED, now_ns)
        self._consumption.set_rate(now_ns, 1.0)
        self.activity = Activity.STOPPING
