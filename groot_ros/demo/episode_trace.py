"""Episodes that were run without ROS, as traces."""

from __future__ import annotations

from groot_ros.demo.trace import Picture, PublishedChunk, Trace
from groot_ros.sim.rollout import Episode, RolloutConfig
from groot_ros.sim.scene import CAMERAS
from groot_ros.sim.simulation import Simulation

PICTURE_RATE_HZ = 15.0


def episode_trace(
    policy: str, episode: Episode, simulation: Simulation, config: RolloutConfig
) -> Trace:
    """Chunks of an episode, and pictures that the simulation it was run in draws now."""
    trace = Trace(policy, episode.instruction)
    if episode.succeeded:
        trace.succeeded_ns = round(episode.duration_s * 1e9)
    for moment in episode.moments:
        published_ns = moment.chunk.stamp_ns
        trace.chunks.append(PublishedChunk(moment.chunk, published_ns, 0.0, 0.0))
    stride = round(config.command_rate_hz / PICTURE_RATE_HZ)
    for index in range(0, len(episode.configurations), stride):
        stamp_ns = round(index / config.command_rate_hz * 1e9)
        for camera in CAMERAS:
            image = simulation.render(camera, episode.configurations[index])
            trace.pictures.setdefault(camera, []).append(Picture(stamp_ns, image))
    return trace
