"""A policy in closed loop with the simulation, faster than real time and without ROS.

It takes the same course as the same scene through the nodes: time goes on in ticks of the control
period, pictures are taken at their rate, a chunk comes when its declared latency has passed, and
the executor is the one that runs on a robot.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.robot_motion import begin_motion
from groot_ros.chunks.execution.settings import ExecutionSettings
from groot_ros.chunks.execution.strategies import AUTO, RTC, chosen
from groot_ros.chunks.progress import Continuation, Replanning
from groot_ros.observation.types import Observation
from groot_ros.policy import Policy
from groot_ros.robot.config import load_robot
from groot_ros.signals.signals import Signals
from groot_ros.sim.scene import CAMERAS
from groot_ros.sim.shutter import Shutter
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.tasks import Change
from groot_ros.sim.trials import EXECUTED_STEPS
from groot_ros.timing.latency import Delay, Delays, Latency

SETTLE_S = 0.2
"""From a reset until the policy begins."""
STATE_PERIOD_NS = 50_000_000
"""How often the executor tells how far it is."""


@dataclass(frozen=True)
class RolloutConfig:
    """How chunks are made and executed."""

    executed_steps: int = EXECUTED_STEPS
    """Steps of a chunk until the next inference; 0: it begins when the last one has ended."""
    time_limit_s: float = 15.0
    image_rate_hz: float = 15.0
    latency: Latency = Latency()
    strategy: str = AUTO


@dataclass(frozen=True)
class Moment:
    """The robot when an inference began, and the chunk that came of it."""

    observation: Observation
    chunk: Chunk


@dataclass(frozen=True)
class RolloutTick:
    """What was measured before a command, and the command; empty before the first one."""

    time_ns: int
    measured: Signals
    commanded: Signals


@dataclass
class SimulatedEpisode:
    """What happened: success in the simulator's own state, when, and every inference.

    `configurations` are those of the simulation before each command; `strategy` is the one that
    was chosen.
    """

    instruction: str
    strategy: str = ""
    succeeded: bool = False
    duration_s: float = 0.0
    moments: list[Moment] = field(default_factory=list)
    configurations: list[NDArray[np.float64]] = field(default_factory=list)
    ticks: list[RolloutTick] = field(default_factory=list)


def observe(
    simulation: Simulation, instruction: str, cameras: Sequence[str] = CAMERAS
) -> Observation:
    """What a robot would see and measure now; the stamp is the time since the reset."""
    return Observation(
        stamp_ns=round(simulation.time_s * 1e9),
        images={camera: simulation.render(camera) for camera in cameras},
        instruction=instruction,
        signals=simulation.signals,
    )


def run_episode(
    policy: Policy,
    simulation: Simulation,
    config: RolloutConfig | None = None,
    change: Change | None = None,
    witness: Callable[[RolloutTick], None] | None = None,
) -> SimulatedEpisode:
    """Run a policy on the task of a simulation that was just reset, until success or the limit.

    After a `change` only its task counts. A `witness` is told of each tick, while the simulation
    is still at its time.
    """
    rollout = _Rollout(
        policy, simulation, config or RolloutConfig(), change=change, witness=witness
    )
    return rollout.run()


Seen = tuple[Observation, NDArray[np.float64]]
"""A moment without pictures, and the configuration in which they can be drawn."""


@dataclass(frozen=True)
class _Made:
    """A chunk that is on its way to the executor, where it counts at a tick."""

    chunk_id: int
    chunk: Chunk
    taken_ns: int
    is_lost: bool


class _Rollout:
    """One episode, tick by tick."""

    def __init__(
        self,
        policy: Policy,
        simulation: Simulation,
        config: RolloutConfig,
        change: Change | None,
        witness: Callable[[RolloutTick], None] | None,
    ) -> None:
        self._simulation = simulation
        self._witness = witness
        self._config = config
        self._change = change
        self._period_ns = round(1e9 / simulation.config.control_rate_hz)
        self._now_ns = 0
        self._shutter = Shutter(config.image_rate_hz)
        self._picture: tuple[Observation, NDArray[np.float64]] | None = None
        strategy = chosen(config.strategy, policy.no_continuation)
        self._episode = SimulatedEpisode(simulation.task.instruction, strategy)
        self._thinking = _Thinking(policy, simulation, config, self._episode)
        self._acting = _Acting(simulation, self._episode.strategy)

    def run(self) -> SimulatedEpisode:
        episode, simulation = self._episode, self._simulation
        while self._now_ns < round(SETTLE_S * 1e9):
            self._look()
            self._advance()
        begin_ns = self._now_ns
        end_ns = begin_ns + round(self._config.time_limit_s * 1e9)
        self._thinking.begin(episode.instruction)
        while True:
            self._look()
            done = simulation.succeeded and self._change is None
            if done or self._now_ns >= end_ns:
                break
            self._tick()
            if self._change and self._now_ns >= begin_ns + round(self._change.time_s * 1e9):
                self._ask_for_change(self._change)
            self._advance()
        episode.succeeded = done
        episode.duration_s = (self._now_ns - begin_ns) / 1e9
        return episode

    def _look(self) -> None:
        if self._shutter.is_due(self._now_ns):
            seen = observe(self._simulation, "", cameras=())
            seen = replace(seen, stamp_ns=self._now_ns)
            self._picture = seen, self._simulation.configuration
            self._thinking.see(*self._picture)

    def _tick(self) -> None:
        # What the executor says now, the policy knows at the next tick, and the other way round.
        made = self._thinking.take(self._now_ns)
        if self._picture:
            self._thinking.tick(self._now_ns, self._now_ns + self._period_ns, *self._picture)
        if made:
            self._acting.accept(made, self._now_ns)
        self._episode.configurations.append(self._simulation.configuration)
        measured = self._simulation.signals
        commanded = self._acting.command(self._now_ns)
        self._episode.ticks.append(RolloutTick(self._now_ns, measured, commanded))
        if self._witness:
            self._witness(self._episode.ticks[-1])
        self._thinking.hear(self._acting.executor, self._now_ns)

    def _ask_for_change(self, change: Change) -> None:
        self._change = None
        self._simulation.set_task(change.task)
        self._episode.instruction = change.task.instruction
        self._acting.epoch = self._thinking.begin(change.task.instruction)

    def _advance(self) -> None:
        self._simulation.advance(self._period_ns / 1e9)
        self._now_ns += self._period_ns


class _Thinking:
    """The policy's side: what the policy node does."""

    def __init__(
        self,
        policy: Policy,
        simulation: Simulation,
        config: RolloutConfig,
        episode: SimulatedEpisode,
    ) -> None:
        self._policy = policy
        self._simulation = simulation
        self._episode = episode
        self._replanning = Replanning(steps=config.executed_steps)
        self._delays = Delays(config.latency)
        self._continuation = Continuation()
        self._past_ns = policy.inputs.past_ns
        self._seen: deque[Seen] = deque()
        self._continues = episode.strategy == RTC
        self._made: deque[_Made] = deque()
        self._epoch = self._chunk_id = 0
        self._instruction = ""
        self._needs_reset = False
        self._free_ns = 0
        self._last_ns = -1
        self._told_ns: int | None = None

    def begin(self, instruction: str) -> int:
        """A new epoch, in which something is to be done."""
        self._epoch += 1
        self._instruction = instruction
        self._needs_reset = True
        self._continuation.forget()
        return self._epoch

    def see(self, seen: Observation, configuration: NDArray[np.float64]) -> None:
        """Pictures could be taken now; those that are too old for the policy are forgotten."""
        self._seen.append((seen, configuration))
        oldest_ns = seen.stamp_ns - max(self._past_ns.values(), default=0)
        while len(self._seen) > 1 and self._seen[1][0].stamp_ns <= oldest_ns:
            self._seen.popleft()

    def _moment(self, seen: Observation, configuration: NDArray[np.float64]) -> Observation:
        images = {
            camera: self._simulation.render(camera, configuration)
            for camera in self._policy.inputs.cameras
        }
        return replace(seen, images=images, instruction=self._instruction)

    def _past(self, stamp_ns: int) -> dict[int, Observation]:
        """What was newest at each of the times, the oldest where there was nothing."""
        moments = {}
        for step, ago_ns in self._past_ns.items():
            before = [seen for seen in self._seen if seen[0].stamp_ns <= stamp_ns - ago_ns]
            moments[step] = self._moment(*(before[-1] if before else self._seen[0]))
        return moments

    def tick(
        self,
        now_ns: int,
        next_ns: int,
        seen: Observation,
        configuration: NDArray[np.float64],
    ) -> None:
        """Infer if it is time to, with the newest pictures."""
        if now_ns < self._free_ns or not self._continuation.is_due(self._replanning, now_ns):
            return
        if self._needs_reset:
            self._policy.reset(self._instruction)
            self._delays.restart()
            self._needs_reset, self._last_ns = False, -1
        if seen.stamp_ns <= self._last_ns:
            return
        self._last_ns = seen.stamp_ns
        past = self._past(seen.stamp_ns)
        observation = replace(self._moment(seen, configuration), past=past)
        delay = self._delays.next(observation.stamp_ns)
        prefix = self._continuation.prefix(observation.stamp_ns) if self._continues else None
        chunk = replace(self._policy.predict(observation, prefix), epoch=self._epoch)
        self._publish(observation, chunk, delay, next_ns)

    def _publish(self, observation: Observation, chunk: Chunk, delay: Delay, next_ns: int) -> None:
        self._free_ns = delay.due_ns
        self._chunk_id += 1
        taken_ns = max(delay.due_ns, next_ns)
        self._made.append(_Made(self._chunk_id, chunk, taken_ns, delay.is_lost))
        self._episode.moments.append(Moment(observation, chunk))

    def take(self, now_ns: int) -> _Made | None:
        """The chunk that the executor hears of now."""
        if not self._made or self._made[0].taken_ns > now_ns:
            return None
        made = self._made.popleft()
        if made.is_lost or made.chunk.epoch != self._epoch:
            return None
        self._continuation.published(made.chunk_id, made.chunk, now_ns)
        return made

    def hear(self, executor: ChunkExecutor, now_ns: int) -> None:
        """How far the executor is, as often as it tells."""
        if self._told_ns is None or now_ns - self._told_ns >= STATE_PERIOD_NS:
            self._told_ns = now_ns
            if (progress := executor.progress(now_ns)) and progress.epoch == self._epoch:
                self._continuation.measured(progress)


class _Acting:
    """The robot's side: what the executor node does."""

    def __init__(self, simulation: Simulation, strategy: str) -> None:
        self.epoch = 0
        self._strategy = strategy
        self._robot = load_robot("sim")
        self._signal = self._robot.output.signal
        self.executor = self._make_executor()
        self._simulation = simulation

    def _make_executor(self) -> ChunkExecutor:
        period_s = 1.0 / self._robot.output.rate_hz
        settings = ExecutionSettings(self._signal, self._strategy, period_s=period_s)
        return ChunkExecutor(self._robot.limits, settings)

    def accept(self, made: _Made, now_ns: int) -> None:
        """Take a chunk, at first from where the arm is."""
        chunk = made.chunk
        signal = chunk.signals.motion
        assert signal
        if signal.name != self._signal.name:
            self._signal = signal
            self.executor = self._make_executor()
        if self.executor.begins_anew:
            begin_motion(
                self.executor, None, chunk=chunk, measured=self._measured(), now_ns=now_ns
            )
        self.executor.accept(made.chunk_id, chunk, now_ns)

    def _measured(self) -> NDArray[np.float64]:
        return self._simulation.signals[self._signal.name]

    def command(self, now_ns: int) -> Signals:
        """Command what is due now, which is returned; nothing before there is a chunk."""
        if self.epoch > self.executor.epoch:
            self.executor.cancel(self.epoch, now_ns)
        self.executor.measured(self._measured(), now_ns)
        setpoint = self.executor.setpoint(now_ns)
        if setpoint is None:
            return Signals()
        self._simulation.set_targets(setpoint.signals)
        return setpoint.signals
