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
    """The signal of a gripper; `name` is that of the signal, with the arm's where there are
    several."""
    return replace(GRIP, name=name)


@dataclass(frozen=True)
class Setpoint:
    """One command to the robot: the value of the moving signal, then the closures of its grippers.

    `velocity` is the value's time derivative: linear (m/s) then angular (rad/s) (6,) of a pose in
    the base frame, (J,) in rad/s or m/s of joints.
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
        """The setpoint of a moving signal's value and of gripper closures.

        Args:
            signal: The moving signal.
            value: Its commanded value (V,).
            closures: Closure in [0, 1] by the name of the gripper's signal; None for a gripper
                that was never commanded.
            velocity: Its time derivative (D,), None where it is not known.
        """
        known = [(name, c) for name, c in closures.items() if c is not None]
        specs = tuple(gripper(name) for name, _ in known)
        arrays = tuple(np.array(closure) for _, closure in known)
        return cls(Signals((signal, *specs), (value, *arrays)), velocity)

    @property
    def signal(self) -> SignalSpec:
        """The moving signal, a pose or joints."""
        return self.signals.specs[0]

    @property
    def value(self) -> Array:
        """Commanded value (V,) of the moving signal."""
        return self.signals.arrays[0]

    @property
    def closure(self) -> float | None:
        """Commanded closure in [0, 1] of the first gripper; None without one."""
        closure = self.signals.first(CLOSURE)
        return None if closure is None else float(closure)

    def closure_of(self, name: str) -> float | None:
        """Commanded closure in [0, 1] of a gripper by its signal's name; None where none was
        commanded."""
        closure = self.signals.get(name)
        return None if closure is None else float(closure)


@dataclass(frozen=True)
class RoundTrip:
    """Durations in s of the stages of a remote prediction; `server_s` includes waiting in the
    queue."""

    network_s: float = 0.0
    server_s: float = 0.0


@dataclass(frozen=True)
class Chunk:
    """The actions of one inference; step i is due at `stamp_ns + i * step_ns`.

    At least one of the signals (T, ...) is a motion. `epoch` is the policy's count of resets, so
    that a chunk from before a reset is recognised; `verdict` grades how far it is from the
    training data; `round_trip` holds the durations of a remote inference. Where inverse kinematics
    has made joints of poses, `curve` is the joint path through the steps and `speed` the fraction
    of the nominal speed that the tool's limits allow.
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
        """A copy with other values (T, ...) of the named signals."""
        return replace(self, signals=self.signals.replaced(values))

    @property
    def end_ns(self) -> int:
        """Time in ns at which the last step is due."""
        return self.stamp_ns + (len(self) - 1) * self.step_ns

    def step_times_ns(self) -> NDArray[np.int64]:
        """Times (T,) in ns at which the steps are due."""
        return self.stamp_ns + np.arange(len(self), dtype=np.int64) * self.step_ns

    def passed_steps(self, time_ns: int) -> int:
        """Number of steps that are due before `time_ns`."""
        return int(np.clip(-((self.stamp_ns - time_ns) // self.step_ns), 0, len(self)))

    def is_past(self, time_ns: int) -> bool:
        """Whether all steps are due before `time_ns`."""
        return time_ns > self.end_ns

    def is_future(self, time_ns: int) -> bool:
        """Whether no step is due by `time_ns`."""
        return time_ns < self.stamp_ns

    def sample(self, time_ns: int) -> Signals:
        """Signals interpolated at `time_ns`, each as its kind is; a decision holds the value of
        the step that is due.

        The first step holds before its time, the last one after its own.
        """
        return self.sample_many(np.array([time_ns], dtype=np.int64)).at(0)

    def sample_many(self, times_ns: NDArray[np.int64]) -> Signals:
        """`sample` at times (N,) in ns: signals (N, ...)."""
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
        """The chunk without the steps that are due before `time_ns`; None where no step is
        left."""
        passed = self.passed_steps(time_ns)
        if passed == len(self):
            return None
        return replace(
            self,
            stamp_ns=self.stamp_ns + passed * self.step_ns,
            signals=self.signals.at(slice(passed, None)),
        )
