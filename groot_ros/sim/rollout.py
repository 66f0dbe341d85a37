"""A policy in closed loop with the simulation, faster than real time and without ROS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from groot_ros.chunks.chunk import Chunk
from groot_ros.codecs.types import Observation
from groot_ros.policies.base import Policy
from groot_ros.sim.scene import CAMERAS
from groot_ros.sim.simulation import Simulation
from groot_ros.sim.tasks import Change
from groot_ros.sim.trials import EXECUTED_STEPS


@dataclass(frozen=True)
class RolloutConfig:
    """How chunks are executed."""

    executed_steps: int = EXECUTED_STEPS
    """Steps of a chunk until the next inference."""
    command_rate_hz: float = 100.0
    time_limit_s: float = 15.0


@dataclass(frozen=True)
class Moment:
    """The robot when an inference began, and the chunk that came of it."""

    observation: Observation
    chunk: Chunk


@dataclass
class Episode:
    """What happened: success in the simulator's own state, when, and every inference.

    `configurations` are those of the simulation before each command.
    """

    instruction: str
    succeeded: bool = False
    duration_s: float = 0.0
    moments: list[Moment] = field(default_factory=list)
    configurations: list[NDArray[np.float64]] = field(default_factory=list)


def observe(
    simulation: Simulation, instruction: str, cameras: Sequence[str] = CAMERAS
) -> Observation:
    """What a robot would see and measure now; the stamp is the time since the reset."""
    return Observation(
        stamp_ns=round(simulation.time_s * 1e9),
        images={camera: simulation.render(camera) for camera in cameras},
        instruction=instruction,
        ee_pose=simulation.ee_pose,
        joint_position=simulation.joint_position,
        grip=simulation.grip,
    )


def run_episode(
    policy: Policy,
    simulation: Simulation,
    config: RolloutConfig | None = None,
    change: Change | None = None,
) -> Episode:
    """Run a policy on the task of a simulation that was just reset, until success or the limit.

    After a `change` only its task counts.
    """
    config = config or RolloutConfig()
    episode = Episode(simulation.task.instruction)
    policy.reset(episode.instruction)
    while simulation.time_s < config.time_limit_s and (change or not simulation.succeeded):
        if change and simulation.time_s >= change.time_s:
            simulation.set_task(change.task)
            episode.instruction = change.task.instruction
            policy.reset(episode.instruction)
            change = None
        observation = observe(simulation, episode.instruction, policy.inputs.cameras)
        chunk = policy.predict(observation)
        episode.moments.append(Moment(observation, chunk))
        _execute(simulation, chunk, config, episode)
    episode.succeeded, episode.duration_s = simulation.succeeded, simulation.time_s
    return episode


def _execute(
    simulation: Simulation, chunk: Chunk, config: RolloutConfig, episode: Episode
) -> None:
    """Send the first steps of a chunk, interpolated at the command rate."""
    period_s = 1.0 / config.command_rate_hz
    end_ns = chunk.stamp_ns + config.executed_steps * chunk.step_ns
    while (now_ns := round(simulation.time_s * 1e9)) < end_ns:
        setpoint = chunk.sample(now_ns)
        if setpoint.ee_pose is not None:
            simulation.set_pose_target(setpoint.ee_pose)
        elif setpoint.joint_position is not None:
            simulation.set_joint_target(setpoint.joint_position)
        if setpoint.grip is not None:
            simulation.set_grip_target(setpoint.grip)
        episode.configurations.append(simulation.configuration)
        simulation.advance(period_s)
