"""The robot's motion: a plan over the motion's own time, and the governor that checks every
command."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.curve import Curve
from groot_ros.chunks.execution.joining import Admitted, Offer
from groot_ros.chunks.execution.motion import Planner
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.timeline import Planned, Timeline
from groot_ros.chunks.limits.bounds import Bounds
from groot_ros.chunks.limits.constraint import Constraint
from groot_ros.chunks.limits.controller_spline import INTERPOLATED
from groot_ros.chunks.limits.governor import Governor, Step
from groot_ros.chunks.limits.shaping import shaped, window
from groot_ros.chunks.limits.tool_orientation import tool_orientation
from groot_ros.robot.limits import Limits

Array = NDArray[np.float64]

# In m/s or rad/s: what is slower looks as if it stood.
SLOWEST = 2e-3
# Two commands are never nearer than the rest of a period.
SPARE_SHARE = 0.8
# A join is planned as far ahead as the last ones took, with room; that is forgotten slowly.
LEAD_FACTOR, LEAD_KEPT, LONGEST_LEAD_S = 1.5, 0.9, 1.0


class GovernedMotion:
    """The planned motion and the governor that follows it command by command, within the limits.

    `timeline` is None before the first `start`. `version` counts the plans, so that a join that
    was computed for an older plan is recognised.
    """

    def __init__(self, limits: Limits, settings: ExecutionSettings) -> None:
        self.bounds = Bounds.of(limits, settings.signal.kind)
        self.period_ns = round(settings.period_s * 1e9)
        self.timeline: Timeline | None = None
        self.version = 0
        self._settings = settings
        planned = shaped(self.bounds, settings.period_s)
        if settings.interpolated:
            planned = planned.scaled(INTERPOLATED)
        tool = tool_orientation(limits, settings.signal.kind)
        averaged = window(self.bounds, settings.period_s)
        self.planner = Planner(planned, settings.period_s, averaged=averaged, tool=tool)
        self._governor = Governor(self.bounds, settings.period_s)
        self._lead_s = 0.0

    def watch(self, constraints: Sequence[Constraint]) -> None:
        """Set the constraints that planning respects and before which the governor stops."""
        every = (*([self.planner.tool] if self.planner.tool else []), *constraints)
        self.planner = replace(self.planner, constraints=every)
        self._governor.watch(every)

    @property
    def value(self) -> Array:
        """The last commanded value (V,)."""
        return self._governor.value

    @property
    def is_visible(self) -> bool:
        """Whether the commanded speed is above `SLOWEST`, so that the arm visibly moves."""
        speed = self.bounds.space.lengths(self._governor.velocity)
        return bool(np.any(speed > SLOWEST))

    @property
    def time_ns(self) -> int:
        """The motion's own time in ns, that of the last command."""
        return self.timeline.now_ns if self.timeline else 0

    @property
    def left_ns(self) -> int:
        """Time in ns until the end of the executed chunk's part of the current motion."""
        assert self.timeline
        return self.timeline.current.motion.active_end_ns - self.timeline.now_ns

    @property
    def is_played(self) -> bool:
        """Whether the last chunk has been executed, so that only the deceleration to rest is
        left."""
        assert self.timeline
        return self.left_ns <= 0 and not self.timeline.has_more

    @property
    def has_ended(self) -> bool:
        """Whether the plan has ended and the governor is at rest."""
        assert self.timeline
        is_over = self.timeline.now_ns >= self.timeline.current.motion.end_ns
        return is_over and self._governor.is_still

    def start(self, value: Array) -> None:
        """Rest at a value (V,), whatever was planned before."""
        now_ns = self.time_ns
        self.version += 1
        self._governor.start(value)
        self.timeline = Timeline(Planned(self.planner.rest(value, now_ns)), now_ns)

    def follow(self, planned: Planned) -> None:
        """Replace the plan from the start of a planned motion on."""
        assert self.timeline
        self.version += 1
        self.timeline.follow(planned)

    def drop_ahead(self) -> None:
        """Remove the motions that would follow the current one."""
        self.version += 1
        if self.timeline:
            self.timeline.drop_ahead()

    def lead(self, least_ns: float = 0.0) -> int:
        """How many commands ahead the next chunk is joined, no sooner than `least_ns` from now."""
        joined = 1 + math.ceil(self._lead_s * 1e9 / self.period_ns)
        return max(joined, round(least_ns / self.period_ns))

    def joining_took(self, took_s: float) -> None:
        """Adapt the lead to the computing time of a join in s."""
        self._lead_s = min(max(LEAD_FACTOR * took_s, LEAD_KEPT * self._lead_s), LONGEST_LEAD_S)

    def offer(
        self,
        admitted: Admitted,
        curve: Curve,
        from_s: float,
        lead: int,
        speed_scale: float,
        now_ns: int,
    ) -> Offer:
        """The state of the motion in `lead` commands, to which a curve can be joined.

        Args:
            admitted: The chunk.
            curve: The curve through its steps.
            from_s: Time in the curve at which it is joined, in s.
            lead: How many commands ahead.
            speed_scale: How fast chunk time passes.
            now_ns: The present time in ns.
        """
        timeline = self.timeline
        assert timeline
        at_ns = timeline.now_ns + lead * self.period_ns
        return Offer(
            admitted=admitted,
            planner=self.planner,
            curve=curve,
            from_s=from_s,
            old=timeline.at(at_ns).motion,
            velocity=self._velocity_before(lead),
            at_ns=at_ns,
            blend_s=self._settings.blend_s,
            speed_scale=speed_scale * admitted.chunk.verdict.speed * admitted.chunk.speed,
            version=self.version,
            made_ns=now_ns,
        )

    def is_outdated(self, offer: Offer) -> bool:
        """Whether the plan has changed since an offer was made, or its time has passed."""
        timeline = self.timeline
        return timeline is None or offer.version != self.version or timeline.now_ns >= offer.at_ns

    def gap(self, offer: Offer) -> Array:
        """Displacement (D,) from the chunk to the motion where they would be joined."""
        space = self.bounds.space
        return space.difference(offer.old.value(offer.at_ns), offer.curve.at(offer.from_s))

    def _velocity_before(self, lead: int) -> Array:
        """That of the command after so many, as the commands will tell it."""
        timeline = self.timeline
        assert timeline
        at_ns = timeline.now_ns + lead * self.period_ns
        end = timeline.value(at_ns)
        start = self._governor.value if lead == 1 else timeline.value(at_ns - self.period_ns)
        return self.bounds.space.difference(end, start) / self._settings.period_s

    def stop(self) -> Exception | None:
        """Plan a stop; the exception where that failed.

        A controller that was sent a whole trajectory is already at the next command when the stop
        reaches it, so the stop begins there.
        """
        timeline = self.timeline
        if timeline is None or self.left_ns <= 0:
            return None
        if not self._settings.interpolated:
            return self.brake()
        at_ns = timeline.now_ns + self.period_ns
        try:
            velocity = self._velocity_before(1)
            motion = self.planner.stop(timeline.value(at_ns), velocity, at_ns)
        except Exception as error:
            self.brake()
            return error
        self.version += 1
        timeline.end_with(Planned(motion))
        return None

    def brake(self) -> Exception | None:
        """Stop from the last command and its velocity; the exception where planning failed.

        Whatever fails, the arm has to stop: the governor then brakes without a plan.
        """
        governor, time_ns = self._governor, self.time_ns
        failed = None
        try:
            motion = self.planner.stop(governor.value, governor.velocity, time_ns)
        except Exception as error:
            failed = error
            motion = self.planner.rest(governor.value, time_ns)
        self.version += 1
        self.timeline = Timeline(Planned(motion), time_ns)
        return failed

    def step(self) -> Step:
        """The next command along the plan; the motion's time does not advance yet (`advance`)."""
        assert self.timeline
        return self._governor.step(self.timeline.path(self.period_ns))

    def advance(self, step: Step) -> None:
        """Advance the motion's time by one period after a command, less where the governor slowed
        down."""
        assert self.timeline
        self.timeline.advance(round(step.share * self.period_ns))

    def unplanned_step(self) -> Step:
        """The next command of the governor's braking, without regard to the plan."""
        return self._governor.brake()

    @property
    def spare_s(self) -> float:
        """By how much less than a period may pass until the next command, in s, without exceeding
        a velocity limit in the intervals in which commands arrive."""
        period_s, bounds = self._settings.period_s, self.bounds
        speed = bounds.space.lengths(self._governor.velocity)
        hardest = np.maximum(bounds.acceleration, bounds.deceleration)
        share = float(((speed + 2 * period_s * hardest) / bounds.velocity).max())
        return period_s * min(max(1.0 - share, 0.0), SPARE_SHARE)
