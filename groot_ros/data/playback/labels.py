"""The actions of a dataset: what was commanded, or what the robot reached, at given times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from groot_ros.codecs.codec import Codec
from groot_ros.codecs.parts import COMMANDED, REACHED
from groot_ros.data.bags.storage import BagError
from groot_ros.data.playback.signals import Signal, Times
from groot_ros.signals.signals import Signals, SignalSpec

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Labels:
    """Signals that actions are read from, by name."""

    codec: Codec
    signals: Mapping[str, Signal]

    def steps(self, times_ns: Times) -> Signals:
        """Actions at times: interpolated as their kinds are, of a decision the newest one."""
        values: dict[SignalSpec, Array] = {}
        for part in self.codec.action.parts:
            spec, signal = part.signal, self.signals[part.signal.name]
            hold = spec.kind.is_decision and part.label == COMMANDED
            values[spec] = signal.held(times_ns) if hold else signal.interpolated(times_ns)
        return Signals.of(values)

    def columns(self, times_ns: Times) -> Array:
        """Action columns (T, D) of the codec at times."""
        encoded = self.codec.action.encode(self.steps(times_ns))
        return np.concatenate([encoded[f.key] for f in self.codec.features.action], axis=-1)


def make_labels(
    codec: Codec, states: Mapping[str, Signal], commands: Mapping[str, Signal]
) -> Labels:
    """Labels of an episode; BagError names a signal that has no samples or is not finite.

    A gripper that nobody has commanded yet keeps the closure that it has at the first command
    of the pose.
    """
    signals: dict[str, Signal] = {}
    for part in codec.action.parts:
        name, reached = part.signal.name, part.label == REACHED
        signal = (states if reached else commands).get(name)
        if not reached and part.signal.kind.is_decision and not signal:
            signal = states.get(name)
            signal = signal and Signal(signal.times_ns[:1], signal.values[:1], signal.kind)
        if not signal:
            kind = "states" if reached else "commands"
            raise BagError(
                f"the episode has no {kind} of {name}, the labels of codec {codec.name}: "
                "check that its topic was published while recording"
            )
        if not np.all(np.isfinite(signal.values)):
            raise BagError(f"the labels of {name} hold NaN or infinity: check the publisher")
        signals[name] = signal
    return Labels(codec, signals)
