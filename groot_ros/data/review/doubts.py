"""What was recorded and looks wrong, although no step of it can be told to be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.playback.frames import Frame
from groot_ros.data.playback.replay import SignalKeeper
from groot_ros.data.playback.signals import Signal
from groot_ros.data.playback.stream_health import StreamHealth
from groot_ros.signals.kinds import JOINTS, POSE, Kind

# Commands that stay the same for longer than FROZEN_S while the arm moves away from them by more
# than this, in m or rad, were not what moved it.
FROZEN_S = 1.0
# Some command a gripper to a little beyond its end; farther the numbers are of another unit.
FARTHEST = 1.5
MOVED = {POSE: (0.02, "m"), JOINTS: (0.05, "rad")}


@dataclass
class WatchedArm:
    """Where an arm was at the rows of a dataset: times (T,) in ns, positions (T, 3) in m of hands
    or joints (T, J) by the name of the signal."""

    times_ns: list[int] = field(default_factory=list)
    positions: dict[str, list[NDArray[np.float64]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, frame: Frame) -> None:
        """Take a frame; without a motion in its state there is nothing to watch."""
        self.times_ns.append(frame.time_ns)
        for spec, value in frame.snapshot.signals.pairs():
            if spec.kind in MOVED:
                self.positions[spec.name].append(_place(value, spec.kind))


def _place(values: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    return values[..., :3] if kind == POSE else values


def frozen_notes(watched: WatchedArm, commands: Mapping[str, Signal]) -> Iterator[str]:
    """Sentences about commands of a motion that stay the same while the arm moves away."""
    times = np.array(watched.times_ns)
    for name, positions in watched.positions.items():
        command = commands.get(name)
        if command is not None and len(command):
            yield from _frozen_notes(name, times, np.array(positions), command)


def _frozen_notes(
    name: str, times: NDArray[np.int64], found: NDArray[np.float64], command: Signal
) -> Iterator[str]:
    wanted = _place(command.held(times), command.kind)
    distance = np.linalg.norm(found - wanted, axis=1)
    changes = np.flatnonzero(np.any(np.diff(wanted, axis=0) != 0, axis=1)) + 1
    most, unit = MOVED[command.kind]
    for first, last in zip([0, *changes], [*changes - 1, len(times) - 1], strict=True):
        seconds = (times[last] - times[first]) / 1e9
        away = distance[last] - distance[first]
        if seconds > FROZEN_S and away > most:
            begin = (times[first] - times[0]) / 1e9
            yield (
                f"commands of {name} stay the same for {seconds:.1f} s, from {begin:.1f} s after "
                f"the first row on, while the arm moves {away:.2f} {unit} away from them: "
                "these rows teach to stand still"
            )


def unreadable_notes(signals: SignalKeeper, health: Mapping[str, StreamHealth]) -> Iterator[str]:
    """Sentences about messages that could not be used at all."""
    for topic, stream in health.items():
        if stream.unreadable:
            yield f"{stream.unreadable} messages on {topic} are damaged and were left out"
        for reason, count in stream.undecoded.items():
            yield f"{count} packets on {topic} were left out: {reason}"
    for (topic, reason), count in signals.unusable.items():
        yield f"{count} commands on {topic} {reason} and were left out"
    for source, times in signals.beyond.items():
        if times > FARTHEST:
            yield (
                f"commands on {source.topic} are up to {times:.3g} times as far from the middle "
                "of the gripper's range as its ends, and count as those: set `open` and `closed` "
                f"at {source.label.key} of the robot file to the numbers that are sent"
            )
    for name, label in signals.reached.items():
        if label.topic:
            yield (
                f"the bag holds nothing of the action {label.topic}: actions of {name} are what "
                "was reached, so that nothing says how hard something was held"
            )
