"""Episodes that were run without ROS, as traces."""

from __future__ import annotations

from groot_ros.demo.trace import Picture, PublishedChunk, Sample, Trace
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION
from groot_ros.sim.rollout import SETTLE_S, SimulatedEpisode
from groot_ros.sim.scene import CAMERAS
from groot_ros.sim.simulation import Simulation

PICTURE_RATE_HZ = 15.0


def episode_trace(policy: str, episode: SimulatedEpisode) -> Trace:
    """Chunks of an episode, and what was commanded and measured; without pictures."""
    trace = Trace(policy, episode.instruction)
    if episode.succeeded:
        trace.succeeded_ns = round((SETTLE_S + episode.duration_s) * 1e9)
    for moment in episode.moments:
        published_ns = moment.chunk.stamp_ns
        trace.chunks.append(PublishedChunk(moment.chunk, published_ns, 0.0, 0.0))
    measured = {
        EE_POSE.name: trace.measured,
        GRIP.name: trace.measured_grips,
        JOINT_POSITION.name: trace.measured_joints,
    }
    commanded = {
        EE_POSE.name: trace.commanded,
        GRIP.name: trace.commanded_grips,
        JOINT_POSITION.name: trace.commanded_joints,
    }
    for tick in episode.ticks:
        for samples, signals in ((measured, tick.measured), (commanded, tick.commanded)):
            for name, value in signals.items():
                samples[name].append(Sample(tick.time_ns, value.reshape(-1)))
    return trace


def add_pictures(trace: Trace, episode: SimulatedEpisode, simulation: Simulation) -> None:
    """Pictures that the simulation in which an episode was run draws now."""
    rate_hz = simulation.config.control_rate_hz
    stride = round(rate_hz / PICTURE_RATE_HZ)
    for index in range(0, len(episode.configurations), stride):
        stamp_ns = round((SETTLE_S + index / rate_hz) * 1e9)
        for camera in CAMERAS:
            image = simulation.render(camera, episode.configurations[index])
            trace.pictures.setdefault(camera, []).append(Picture(stamp_ns, image))
