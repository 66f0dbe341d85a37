"""A chunk of actions as a signal in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.curve import Curve
from groot_ros.chunks.grading import Verdict
from groot_ros.signals.kinds import CLOSURE
from groot_ros.signals.signals import GRIP, Signals, SignalSpec

Array = NDArray[np.float64]


@cache
def gripper(name: str) -> SignalSpec:
    """The signal of a gripper, of the only one or of that of one of several arms."""
    return replace(GRIP, name=name)


@dataclass(frozen=True)
class Setpoint:
    """What the robot should do at one time: what moves first, then its grippers if it has any.

    `velocity` is that of what moves: of a pose linear then angular (6,), of joints (J,).
    """

    signals: Signals
    velocity: Array | None = None

    @classmethod
    def of(
        cls,
        signal: SignalSpec,
        value: Array,
        closures: Mapping[str, float | None],
        velocity: Array | None,
    ) -> Setpoint:
        """The setpoint of a signal that moves and of grippers by the names of their signals; None
        of one that nobody has commanded."""
        known = [(name, c) for name, c in closures.items() if c is not None]
        specs = tuple(gripper(name) for name, _ in known)
        arrays = tuple(np.array(closure) for _, closure in known)
        return cls(Signals((signal, *specs), (value, *arrays)), velocity)

    @property
    def signal(self) -> SignalSpec:
        """What moves."""
        return self.signals.specs[0]

    @property
    def value(self) -> Array:
        """Where that goes."""
        return self.signals.arrays[0]

    @property
    def closure(self) -> float | None:
        """Where the first gripper goes; None without one."""
        closure = self.signals.first(CLOSURE)
        return None if closure is None else float(closure)

    def closure_of(self, name: str) -> float | None:
        """Where the gripper of a signal goes; None where nobody has said."""
        closure = self.signals.get(name)
        return None if closure is None else float(closure)


@dataclass(frozen=True)
class RoundTrip:
    """Where the time of a remote prediction went, in s; server_s includes waiting for its turn."""

    network_s: float = 0.0
    server_s: float = 0.0


@dataclass(frozen=True)
class Chunk:
    """The actions of one inference; step i belongs to `stamp_ns + i * step_ns`.

    Of the signals (T, ...) one at least is a motion. `epoch` counts resets, so that a chunk from
    before one can be told; `verdict` says how familiar it is, `round_trip` what it took to fetch
    it from a server. Where the joints were solved from poses, `curve` is the way that they take
    through the steps, `speed` the share of its own speed that they may have.
    """

    stamp_ns: int
    step_ns: int
    epoch: int = 0
    signals: Signals = Signals()
    verdict: Verdict = Verdict()
    round_trip: RoundTrip = RoundTrip()
    curve: Curve | None = None
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.step_ns <= 0:
            raise ValueError(f"step_ns is {self.step_ns}, expected a positive duration")
        if self.signals.motion is None:
            raise ValueError("a chunk needs a motion, of a pose or of joints")
        lengths = {len(values) for values in self.signals.arrays}
        if len(lengths) != 1 or 0 in lengths:
            raise ValueError(f"the signals of a chunk have lengths {sorted(lengths)}")

    def __len__(self) -> int:
        return self.signals.steps

    def replaced(self, values: Mapping[str, Array]) -> Chunk:
        """The same with other values of some signals."""
        return replace(self, signals=self.signals.replaced(values))

    @property
    def end_ns(self) -> int:
        """Time of the last step."""
        return self.stamp_ns + (len(self) - 1) * self.step_ns

    def step_times_ns(self) -> NDArray[np.int64]:
        """Times (T,) of the steps."""
        return self.stamp_ns + np.arange(len(self), dtype=np.int64) * self.step_ns

    def passed_steps(self, time_ns: int) -> int:
        """How many steps lie before `time_ns`."""
        return int(np.clip(-((self.stamp_ns - time_ns) // self.step_ns), 0, len(self)))

    def is_past(self, time_ns: int) -> bool:
        """Whether all steps lie before a time."""
        return time_ns > self.end_ns

    def is_future(self, time_ns: int) -> bool:
        """Whether no step's time has come yet."""
        return time_ns < self.stamp_ns

    def sample(self, time_ns: int) -> Signals:
        """What it says of a time: between its steps as the kinds are interpolated, of a decision
        that of the step which is due.

        Before the first step it is the first one, after the last step the last one.
        """
        return self.sample_many(np.array([time_ns], dtype=np.int64)).at(0)

    def sample_many(self, times_ns: NDArray[np.int64]) -> Signals:
        """`sample` at times (N,)."""
        position = np.clip((times_ns - self.stamp_ns) / self.step_ns, 0.0, len(self) - 1.0)
        lower = position.astype(int)
        upper = np.minimum(lower + 1, len(self) - 1)
        fraction = position - lower

        def sampled(spec: SignalSpec, values: Array) -> Array:
            if spec.kind.is_decision:
                found: Array = values[lower]
                return found
            return spec.kind.interpolate(values[lower], values[upper], fraction)

        return self.signals.map(sampled)

    def after(self, time_ns: int) -> Chunk | None:
        """The steps at or after `time_ns`, None when all have passed."""
        passed = self.passed_steps(time_ns)
        if passed == len(self):
            return None
        return replace(
            self,
            stamp_ns=self.stamp_ns + passed * self.step_ns,
            signals=self.signals.at(slice(passed, None)),
        )
