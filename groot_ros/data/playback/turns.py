"""Who moved the robot when, as the executor's states in a bag tell it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.takeover.turn import Control
from groot_ros.data.playback.episodes import Episode
from groot_ros.data.playback.replay import PREROLL_NS, BagSource
from groot_ros.data.playback.signals import Times
from groot_ros.robot.labels import Label, commanded_labels
from groot_ros.robot.topic import absolute
from groot_ros.signals.signals import of_arm

STATE_TOPIC = "executor/state"
STATE_TYPE = "groot_ros_msgs/msg/ExecutorState"
IDLE = "idle"


@dataclass(frozen=True)
class ControlTurns:
    """Whose turn it was from each time (T,) on: the names of `Control`.

    `is_governed` is whether the executor commanded the robot at all: it may have watched only.
    """

    times_ns: Times
    controls: tuple[str, ...] = ()
    is_governed: bool = False

    def at(self, times_ns: Times) -> NDArray[np.str_]:
        """Whose turn it was at times; "" where nobody knows."""
        if not self.controls:
            return np.full(len(times_ns), "", dtype=np.str_)
        places = np.searchsorted(self.times_ns, times_ns, side="right") - 1
        return np.array(self.controls, dtype=np.str_)[np.maximum(places, 0)]

    def corrected(self, times_ns: Times) -> NDArray[np.bool_]:
        """Whether the operator moved the robot at times."""
        return np.asarray(self.at(times_ns) == Control.OPERATOR.value)

    def is_before_takeover(self, time_ns: int, within_ns: int) -> bool:
        """Whether somebody took over from the policy so soon after a time."""
        policy = Control.POLICY.value
        taken = [control.value for control in Control if control.is_of_operator]
        changes = zip(self.times_ns[1:], self.controls[:-1], self.controls[1:], strict=True)
        return any(
            0 <= change_ns - time_ns <= within_ns
            for change_ns, before, after in changes
            if before == policy and after in taken
        )


def read_turns(source: BagSource, episode: Episode) -> ControlTurns:
    """Who controlled the robot during an episode; empty where the bag holds no states of the
    executor."""
    nobody = ControlTurns(np.zeros(0, dtype=np.int64))
    name = absolute(STATE_TOPIC, episode.namespace)
    held = source.bag.topics.get(name)
    if held is None or STATE_TYPE not in held.counts or source.bag.obstacle(name):
        return nobody
    start_ns, is_governed = episode.start_ns - PREROLL_NS, False
    times: list[int] = []
    controls: list[str] = []
    for _, arrival_ns, message in source.bag.messages(
        {name: STATE_TYPE}, start_ns, episode.stop_ns
    ):
        # Executors of before could not be taken over from.
        control = str(getattr(message, "control", "") or Control.POLICY.value)
        is_governed |= message.activity != IDLE and not message.dry_run
        if not controls or control != controls[-1]:
            times.append(arrival_ns)
            controls.append(control)
    return ControlTurns(np.array(times, dtype=np.int64), tuple(controls), is_governed)


def governed(source: BagSource, turns: ControlTurns) -> BagSource:
    """Where the executor commanded the robot, actions are what it commanded, whatever the labels
    of demonstrations are: a leader that nobody holds says nothing."""
    if not turns.is_governed:
        return source
    robot = source.robot
    labels: dict[str, Label] = dict(robot.labels)
    for name, arm in robot.named_arms.items():
        own = commanded_labels(arm.commands, arm.observations, f"arms.{name}." if name else "")
        labels |= {of_arm(name, signal): label for signal, label in own.items()}
    return replace(source, robot=replace(robot, labels=labels))
