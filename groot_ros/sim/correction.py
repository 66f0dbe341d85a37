"""Corrections of the scripted expert, who takes over where a policy gets no further."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.takeover.turn import Control
from groot_ros.data.bags.episode_info import FAILURE, SUCCESS, EpisodeInfo
from groot_ros.data.playback.turns import STATE_TOPIC, STATE_TYPE
from groot_ros.observation.types import Observation, Prefix
from groot_ros.policy import Inputs, Policy
from groot_ros.robot.config import load_robot
from groot_ros.sim.bag import BagOptions, SimulationRecorder
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.rollout import RolloutConfig, RolloutTick, run_episode
from groot_ros.sim.scene import CUBE_SIZE_M
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.tasks import LIFT_M

# Of what is left to do.
NEARER_M = 0.005
# The expert's first chunk is on its way, then the policy's motion goes over into it.
HANDOVER_NS = 300_000_000
# As demonstrations are, with a picture per step of the dataset.
OPTIONS = BagOptions(image_rate_hz=15.0, compress=True)
BLANK_ID = np.zeros(16, dtype=np.uint8)


class Attention:
    """Sees in the true state of a scene whether a task gets on."""

    def __init__(self, simulation: Simulation, patience_s: float) -> None:
        self._simulation, self._patience_s = simulation, patience_s
        self._least_m, self._since_s = np.inf, simulation.time_s

    def is_lost(self) -> bool:
        """Whether nothing has come nearer for as long as somebody would watch."""
        now_s, left_m = self._simulation.time_s, self._left_m()
        if left_m < self._least_m - NEARER_M:
            self._least_m, self._since_s = left_m, now_s
        return now_s - self._since_s >= self._patience_s

    def _left_m(self) -> float:
        """The way of the hand to the cube, and of the cube to where it is lifted to."""
        simulation = self._simulation
        cube = simulation.cube_position(simulation.task.color)
        to_cube = float(np.linalg.norm(simulation.ee_pose[:3] - cube))
        if simulation.task.kind == "reach":
            return to_cube
        return to_cube + max(0.0, LIFT_M - float(cube[2] - CUBE_SIZE_M / 2))


class WatchedPolicy:
    """A policy until it gets no further, from then on the expert, to the end of the episode."""

    def __init__(self, policy: Policy, attention: Attention) -> None:
        self._policy, self._attention = policy, attention
        self._expert = ScriptedPolicy()
        self.taken_over_ns: int | None = None
        """Of the observation with which the expert began; None while the policy leads."""

    @property
    def inputs(self) -> Inputs:
        """What either of them reads."""
        own, others = self._policy.inputs, self._expert.inputs
        return replace(
            own,
            fields=tuple(dict.fromkeys((*own.fields, *others.fields))),
            cameras=tuple(dict.fromkeys((*own.cameras, *others.cameras))),
        )

    @property
    def no_continuation(self) -> str:
        """That of the policy."""
        return self._policy.no_continuation

    def open(self) -> None:
        """Open the policy itself."""
        self._policy.open()

    def reset(self, instruction: str) -> None:
        """Begin an episode with the policy."""
        self.taken_over_ns = None
        self._policy.reset(instruction)
        self._expert.reset(instruction)

    def predict(self, observation: Observation, prefix: Prefix[Chunk] | None = None) -> Chunk:
        """The chunk of whoever leads."""
        if self.taken_over_ns is None and self._attention.is_lost():
            self.taken_over_ns = observation.stamp_ns
        if self.taken_over_ns is None:
            return self._policy.predict(observation, prefix)
        return self._expert.predict(observation)

    def close(self) -> None:
        """Close the policy itself."""
        self._policy.close()

    def control(self, time_ns: int) -> Control:
        """Who leads at a time."""
        if self.taken_over_ns is None or time_ns < self.taken_over_ns:
            return Control.POLICY
        is_joined = time_ns >= self.taken_over_ns + HANDOVER_NS
        return Control.OPERATOR if is_joined else Control.HANDOVER


@dataclass(frozen=True, kw_only=True)
class Correction:
    """The result of an episode; one in which nobody took over was not kept."""

    succeeded: bool
    is_corrected: bool


def record_correction(
    path: Path,
    policy: Policy,
    simulation: Simulation,
    config: RolloutConfig,
    patience_s: float,
) -> Correction:
    """Run a policy on a simulation that was just reset under the eyes of the expert, who takes
    over once it has got no further for so long.

    The bag at `path` is that of a robot that a person corrects: the setpoints that the executor
    commanded, whoever led, and whose turn it was. Where the policy needs no help there is none.
    """
    robot, instruction = load_robot("sim"), simulation.task.instruction
    watched = WatchedPolicy(policy, Attention(simulation, patience_s))
    recorder = SimulationRecorder(path, simulation, robot, OPTIONS)

    def witness(tick: RolloutTick) -> None:
        recorder.measure()
        recorder.tell(STATE_TOPIC, STATE_TYPE, **_state(watched.control(tick.time_ns)))
        recorder.note(tick.commanded)

    try:
        episode = run_episode(watched, simulation, config, witness=witness)
    except BaseException:
        recorder.writer.discard()
        raise
    if watched.taken_over_ns is None:
        recorder.writer.discard()
        return Correction(succeeded=episode.succeeded, is_corrected=False)
    outcome = SUCCESS if episode.succeeded else FAILURE
    info = EpisodeInfo(
        episode=path.name,
        robot=robot.name,
        instruction=instruction,
        outcome=outcome,
        reason="stopped",
    )
    recorder.writer.annotate(info.to_custom_data())
    recorder.writer.finish()
    return Correction(succeeded=episode.succeeded, is_corrected=True)


def _state(control: Control) -> dict[str, object]:
    """What the executor's state says, with nothing of what only a node knows."""
    counts = dict.fromkeys(("epoch", "chunk_id", "interventions"), 0)
    rates = ("time_scale", "speed_scale", "command_rate", "command_jitter")
    numbers = ("step", "delay", "remaining", *rates)
    return {
        "activity": "executing",
        "stop_reason": "",
        "needs_resume": False,
        "dry_run": False,
        "activation": BLANK_ID,
        **counts,
        **dict.fromkeys(numbers, 0.0),
        "control": control.value,
        "operator_hint": "",
    }
