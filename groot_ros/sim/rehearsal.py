"""A policy on recorded observations, its chunks through the executor and a fake robot.

The policy sees what the robot saw while it was demonstrated, so nothing that the fake arm does
changes what comes next: every chunk is judged where demonstrations go.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from groot_ros.buffer import NotReady, ObservationBuffer
from groot_ros.chunks.admission import Borders, Bounded, Refused
from groot_ros.chunks.chunk import Chunk, Setpoint
from groot_ros.chunks.execution_settings import ExecutionSettings
from groot_ros.chunks.pose_chunks import Unsolved
from groot_ros.chunks.reach import Reach, needs_reach
from groot_ros.chunks.robot_motion import begin_motion, fit_ahead, robot_executor
from groot_ros.chunks.shadow import Shadow
from groot_ros.chunks.space import space_of
from groot_ros.chunks.stopping import Activity, StopReason
from groot_ros.data.bag import Bag, open_bag
from groot_ros.data.clocks import stamps_behind_ns
from groot_ros.data.episodes import Episode, EpisodeChoice, find_episodes
from groot_ros.data.key_frames import decode_before
from groot_ros.data.replay import PREROLL_NS
from groot_ros.data.topics import absolute, find_streams
from groot_ros.errors import UserError
from groot_ros.latency import CHUNK_LATENCY_S
from groot_ros.picture_watch import PictureWatch
from groot_ros.policies.base import Policy
from groot_ros.robot import GripCommand, RobotConfig
from groot_ros.sim.fake_arm import ArmState, FakeArm
from groot_ros.sim.rehearsal_result import ChunkOutcome, Rehearsed, Stop
from groot_ros.stream_store import FLOAT, Route, routes
from groot_ros.urdf import load_urdf

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Conditions:
    """A chunk counts as made `latency_s` after its pictures were taken, however long it took."""

    latency_s: float = CHUNK_LATENCY_S
    strategy: str = "latest"
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
        self._policy = policy
        self._robot = robot
        self._episode = episode
        self._conditions = conditions
        self._reach = _reach(robot)
        self._signal = signal = robot.output.commanded
        self._space = space_of(signal)
        inputs = policy.inputs
        self._seen = ObservationBuffer(robot, inputs.fields, inputs.cameras)
        self._measured = ObservationBuffer(robot, robot.observations.states, cameras=())
        self._pictures = PictureWatch()
        settings = ExecutionSettings(
            strategy=conditions.strategy, period_s=1.0 / robot.output.rate_hz
        )
        self._motion = robot_executor(robot, settings)
        self._borders = Borders(signal=robot.output.signal, limits=robot.limits)
        self._shadow = Shadow(signal)
        self._arm: FakeArm | None = None
        self._commanded_grip: float | None = None
        self._made: deque[ChunkOutcome] = deque()
        self._busy_until_ns = 0
        self._last_stamp_ns = -1
        self._period_ns = round(1e9 / robot.output.rate_hz)
        self._tick_ns = episode.start_ns
        self._result = Rehearsed(episode.name, episode.instruction, signal, episode.start_ns)

    def through(self, bag: Bag) -> Rehearsed:
        """Play the bag from the episode's beginning to its end."""
        episode = self._episode
        streams = {**self._streams(bag, self._seen), **self._streams(bag, self._measured)}
        behind_ns = stamps_behind_ns(bag, streams, episode.start_ns, episode.stop_ns)
        seen = self._streams(bag, self._seen, behind_ns)
        measured = self._streams(bag, self._measured, behind_ns)
        grips = self._grip_commands(bag)
        self._policy.reset(episode.instruction)
        topics = {topic: route.type_name for topic, route in {**seen, **measured}.items()}
        topics |= dict.fromkeys(grips, FLOAT)

        def refuse(topic: str, arrival_ns: int, reason: str) -> None:
            for stream in seen[topic].streams if topic in seen else ():
                self._seen.report(stream, reason)

        start_ns = episode.start_ns - PREROLL_NS
        decode_before(bag, seen, start_ns)
        for topic, now_ns, message in bag.messages(topics, start_ns, episode.stop_ns, refuse):
            self._pass_time(now_ns)
            if topic in grips:
                self._commanded_grip = grips[topic].closure(float(message.data))
            if route := measured.get(topic):
                route.store(message, now_ns)
            if route := seen.get(topic):
                route.store(message, now_ns)
                is_free = now_ns >= max(episode.start_ns, self._busy_until_ns)
                if route.is_camera and is_free:
                    self._infer(now_ns)
        self._pass_time(episode.stop_ns)
        self._motion.release(self._tick_ns)
        self._note_ended()
        return self._result

    def _streams(
        self, bag: Bag, buffer: ObservationBuffer, behind_ns: int = 0
    ) -> dict[str, Route]:
        return find_streams(bag, routes(buffer, behind_ns), self._episode.namespace)

    def _grip_commands(self, bag: Bag) -> dict[str, GripCommand]:
        """What was commanded says more than what was reached: a gripper that holds something is
        not closed."""
        grip = self._robot.commands.grip
        if grip is None or grip.type != "float64":
            return {}
        topic = absolute(grip.topic, self._episode.namespace)
        info = bag.topics.get(topic)
        return {topic: grip} if info and info.type_name == FLOAT else {}

    def _infer(self, now_ns: int) -> None:
        """As the policy node does whenever it is free and a picture has come."""
        begun_s = time.perf_counter()
        try:
            instruction = self._episode.instruction
            seen = self._seen.observe_newer(now_ns, instruction, self._last_stamp_ns)
            if seen is None:
                return
            observation, _ = seen
            self._pictures.check(observation)
            self._last_stamp_ns = observation.stamp_ns
            decoded_s = time.perf_counter()
            chunk = self._policy.predict(observation)
        except NotReady as reason:
            self._result.waits[reason.cause] += 1
            return
        except UserError as error:
            self._result.waits[str(error)] += 1
            return
        due_ns = max(now_ns, chunk.stamp_ns + round(self._conditions.latency_s * 1e9))
        self._busy_until_ns = due_ns
        model_s = time.perf_counter() - decoded_s
        self._made.append(ChunkOutcome(chunk, due_ns, decoded_s - begun_s, model_s))

    def _pass_time(self, until_ns: int) -> None:
        while self._tick_ns <= until_ns:
            self._tick(self._tick_ns)
            self._tick_ns += self._period_ns

    def _tick(self, now_ns: int) -> None:
        """One command, as the executor makes it."""
        state = self._demonstrated(now_ns)
        if self._arm is None and state:
            self._arm = FakeArm(self._robot, state, now_ns)
        if self._arm is None:
            return
        while self._made and self._made[0].due_ns <= now_ns:
            self._take(self._made.popleft(), now_ns)
        if state is None and not self._motion.is_at_rest:
            self._motion.halt(StopReason.STALE, now_ns, f"the bag tells no {self._signal}")
        if setpoint := self._motion.setpoint(now_ns):
            _command(self._arm, setpoint)
        self._arm.advance(now_ns)
        self._note_ended()
        if state:
            self._record(now_ns, state)
            self._note_stops(now_ns, state)

    def _demonstrated(self, now_ns: int) -> ArmState | None:
        """Where the recorded robot is; None where the bag does not tell."""
        values: dict[str, Array] = {}
        for name in self._measured.fields:
            try:
                values[name] = self._measured.newest_state(name, now_ns)
            except NotReady:
                if name == self._signal:
                    return None
        return ArmState.of(values)

    def _take(self, outcome: ChunkOutcome, now_ns: int) -> None:
        """A chunk has come: the executor accepts or refuses it."""
        assert self._arm
        self._result.chunks.append(outcome)
        number = len(self._result.chunks)
        try:
            bounded = self._bounded(outcome.chunk)
            if self._motion.begins_anew:
                here = getattr(self._arm.state, "pose" if self._signal == "ee_pose" else "joints")
                begin_motion(self._motion, self._reach, bounded.chunk, here, now_ns)
            fitted = fit_ahead(self._motion, nullcontext(), lambda: now_ns, self._reach, bounded)
        except (Refused, Unsolved) as reason:
            outcome.refused = str(reason)
            self._motion.count_refusal(outcome.refused, now_ns)
            return
        outcome.chunk = fitted.chunk
        self._shadow.add(number, outcome.chunk)
        outcome.refused = self._motion.accept(number, outcome.chunk, now_ns) or ""

    def _bounded(self, chunk: Chunk) -> Bounded:
        output = self._robot.output
        if getattr(chunk, output.signal) is None:
            raise Refused(f"no {output.signal}, which output.profile {output.profile} needs")
        return self._borders.bounded(chunk)

    def _note_ended(self) -> None:
        for execution in self._motion.take_ended():
            outcome = self._result.chunks[execution.chunk_id - 1]
            outcome.rate, outcome.limited_by = execution.rate, execution.limited_by
            outcome.executed_steps = execution.executed

    def _record(self, now_ns: int, state: ArmState) -> None:
        assert self._arm
        result, name = self._result, "pose" if self._signal == "ee_pose" else "joints"
        shown, done = getattr(state, name), getattr(self._arm.state, name)
        for verdict in self._shadow.measured(now_ns, shown):
            result.chunks[verdict.chunk_id - 1].off = verdict
        result.beyond = max(result.beyond, self._excess(done))
        result.times_ns.append(now_ns)
        result.demonstrated.append(shown)
        result.executed.append(done)
        if self._motion.activity is Activity.EXECUTING:
            difference = self._space.difference(done, shown)
            result.distances.append(self._space.lengths(difference))
        if self._robot.observations.grip:
            shown_grip = state.grip if self._commanded_grip is None else self._commanded_grip
            result.grips.append((shown_grip, self._arm.grip))

    def _excess(self, value: Array) -> float:
        """How far a value is out of the workspace in m, or out of the joints' ranges in rad."""
        limits = self._robot.limits
        low, high = limits.joint_lower, limits.joint_upper
        if self._signal == "ee_pose":
            low, high, value = limits.workspace_min, limits.workspace_max, value[:3]
        if low is None or high is None:
            return 0.0
        return float(np.maximum(np.array(low) - value, value - np.array(high)).max(initial=0.0))

    def _note_stops(self, now_ns: int, state: ArmState) -> None:
        """After a stop that needs a resume the arm goes on where the demonstration is."""
        stops = self._motion.stops
        is_latched = stops.blocked
        for sentence in stops.take_news():
            self._result.stops.append(Stop(now_ns, sentence, is_latched))
        if is_latched and self._motion.is_at_rest:
            self._motion.release(now_ns)
            self._motion.resume()
            self._arm = FakeArm(self._robot, state, now_ns)


def _reach(robot: RobotConfig) -> Reach | None:
    """What fits chunks to the arm; None where poses are commanded or the file has no points."""
    if not needs_reach(robot):
        return None
    if not robot.urdf:
        raise UserError(
            f"robot {robot.name} has no urdf, which output.kinematics and limits.points need: "
            "name the file of the arm's description in the robot file"
        )
    return Reach(robot, load_urdf(robot.urdf))


def _command(arm: FakeArm, setpoint: Setpoint) -> None:
    if setpoint.ee_pose is not None:
        arm.follow_pose(setpoint.ee_pose)
    elif setpoint.joint_position is not None:
        arm.follow_joints(setpoint.joint_position)
    if setpoint.grip is not None:
        arm.follow_grip(setpoint.grip)
