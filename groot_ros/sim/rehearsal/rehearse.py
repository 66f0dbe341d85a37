"""A policy on recorded observations, its chunks through the executor and a fake robot.

The policy sees what the robot saw while it was demonstrated, so nothing that the fake arm does
changes what comes next: every chunk is judged where demonstrations go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.strategies import AUTO
from groot_ros.chunks.execution.together import robot_borders
from groot_ros.data.bags.reader import Bag, open_bag
from groot_ros.data.clocks.clocks import stamps_behind_ns
from groot_ros.data.playback.episode_choice import EpisodeChoice
from groot_ros.data.playback.episodes import Episode, find_episodes
from groot_ros.data.playback.key_frames import decode_before
from groot_ros.data.playback.label_tracks import LabelTopic
from groot_ros.data.playback.replay import PREROLL_NS
from groot_ros.data.playback.topics import find_streams, held_label, labelled
from groot_ros.errors import UserError
from groot_ros.observation.buffer import ObservationBuffer
from groot_ros.observation.label_messages import OfOthers, Trajectory, Unusable
from groot_ros.observation.routes import Route, routes
from groot_ros.policy import Policy
from groot_ros.robot.config import RobotConfig
from groot_ros.signals.signals import GRIP
from groot_ros.sim.fake.recorded_arm import RecordedArm
from groot_ros.sim.rehearsal.recorded_eyes import RecordedEyes
from groot_ros.sim.rehearsal.rehearsed_arm import RehearsedArm
from groot_ros.sim.rehearsal.result import Rehearsed
from groot_ros.timing.latency import CHUNK_LATENCY_S


@dataclass(frozen=True)
class Conditions:
    """A chunk counts as made `latency_s` after its pictures were taken, however long it took."""

    latency_s: float = CHUNK_LATENCY_S
    strategy: str = AUTO
    instruction: str = ""
    """Of bags that hold none."""


def rehearse(
    policy: Policy,
    robot: RobotConfig,
    bags: Sequence[Path],
    conditions: Conditions,
) -> Iterator[Rehearsed]:
    """Every episode of the bags, with a policy that is open; UserError for a bag without what
    robot file and policy need."""
    choice = EpisodeChoice(instruction=conditions.instruction)
    for path in bags:
        with open_bag(path) as bag:
            for episode in find_episodes(bag, choice):
                yield _Run(policy, robot, episode, conditions).through(bag)


class _Run:
    """One episode, in the time of its bag."""

    def __init__(
        self,
        policy: Policy,
        robot: RobotConfig,
        episode: Episode,
        conditions: Conditions,
    ) -> None:
        self._robot = robot
        self._episode = episode
        signal = robot.output.commanded
        self._result = Rehearsed(episode.name, episode.instruction, signal, episode.start_ns)
        self._eyes = RecordedEyes(policy, robot, conditions.latency_s, self._result.waits)
        self._recorded = RecordedArm(robot)
        settings = ExecutionSettings(
            strategy=conditions.strategy, period_s=1.0 / robot.output.rate_hz
        )
        self._arm = RehearsedArm(robot, settings, self._result)
        self._borders = robot_borders(robot)
        self._commanded_grip: float | None = None
        self._period_ns = round(1e9 / robot.output.rate_hz)
        self._tick_ns = episode.start_ns

    def through(self, bag: Bag) -> Rehearsed:
        """Play the bag from the episode's beginning to its end."""
        episode, eyes, recorded = self._episode, self._eyes.buffer, self._recorded.buffer
        streams = {**self._streams(bag, eyes), **self._streams(bag, recorded)}
        behind_ns = stamps_behind_ns(bag, streams, episode.start_ns, episode.stop_ns)
        seen = self._streams(bag, eyes, behind_ns)
        measured = self._streams(bag, recorded, behind_ns)
        grip = self._grip_label(bag)
        self._eyes.open(episode.instruction, episode.start_ns)
        topics = {topic: route.type_name for topic, route in {**seen, **measured}.items()}
        topics |= {grip.topic: grip.type_name} if grip else {}

        def refuse(topic: str, arrival_ns: int, reason: str) -> None:
            if route := seen.get(topic):
                self._eyes.report(route, reason)

        start_ns = episode.start_ns - PREROLL_NS
        decode_before(bag, seen, start_ns)
        for topic, now_ns, message in bag.messages(topics, start_ns, episode.stop_ns, refuse):
            self._pass_time(now_ns)
            if grip and topic == grip.topic:
                self._command_grip(grip, message)
            if route := measured.get(topic):
                route.store(message, now_ns)
            if route := seen.get(topic):
                self._eyes.see(route, message, now_ns)
        self._pass_time(episode.stop_ns)
        self._arm.end(self._tick_ns)
        return self._result

    def _streams(
        self, bag: Bag, buffer: ObservationBuffer, behind_ns: int = 0
    ) -> dict[str, Route]:
        return find_streams(bag, routes(buffer, behind_ns), self._episode.namespace)

    def _grip_label(self, bag: Bag) -> LabelTopic | None:
        """What was commanded says more than what was reached: a gripper that holds something is
        not closed."""
        if (label := labelled(self._robot).get(GRIP)) is None:
            return None
        return held_label(
            bag, self._robot, spec=GRIP, label=label, namespace=self._episode.namespace
        )

    def _command_grip(self, grip: LabelTopic, message: Any) -> None:
        try:
            found = grip.kind.read(message, grip.base_frame)
        except (UserError, OfOthers, Unusable):
            return
        if isinstance(found, Trajectory):
            found = found.positions[-1]
        if found is not None and np.isfinite(found):
            self._commanded_grip = float(np.clip(found, 0.0, 1.0))

    def _pass_time(self, until_ns: int) -> None:
        while self._tick_ns <= until_ns:
            self._tick(self._tick_ns)
            self._tick_ns += self._period_ns

    def _tick(self, now_ns: int) -> None:
        """One command, as the executor makes it."""
        arm, state = self._arm, self._recorded.state(now_ns)
        if not arm.is_placed and state:
            arm.place(state, now_ns)
        if not arm.is_placed:
            return
        for outcome in self._eyes.due(now_ns):
            arm.take(outcome, self._borders.bounded, now_ns)
        arm.tick(now_ns, state, self._commanded_grip)
        if state and arm.waits_for_resume:
            # It goes on where the demonstration is.
            arm.motion.release(now_ns)
            arm.motion.resume()
            arm.place(state, now_ns)
