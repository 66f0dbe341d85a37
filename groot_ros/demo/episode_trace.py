"""Episodes that were run without ROS, as traces."""

from __future__ import annotations

from groot_ros.demo.trace import Picture, PublishedChunk, Trace
from groot_ros.sim.rollout import SETTLE_S, Episode
from groot_ros.sim.scene import CAMERAS
from groot_ros.sim.simulation import Simulation

PICTURE_RATE_HZ = 15.0


def episode_trace(policy: str, episode: Episode, simulation: Simulation) -> Trace:
    """Chunks of an episode, and pictures that the simulation it was run in draws now."""
    trace = Trace(policy, episode.instruction)
    if episode.succeeded:
        trace.succeeded_ns = round((SETTLE_S + episode.duration_s) * 1e9)
    for moment in episode.moments:
        published_ns = moment.chunk.stamp_ns
        trace.chunks.append(PublishedChunk(moment.chunk, published_ns, 0.0, 0.0))
    rate_hz = simulation.config.control_rate_hz
    stride = round(rate_hz / PICTURE_RATE_HZ)
    for index in range(0, len(episode.configurations), stride):
        stamp_ns = round((SETTLE_S + index / rate_hz) * 1e9)
        for camera in CAMERAS:
            image = simulation.render(camera, episode.configurations[index])
            trace.pictures.setdefault(camera, []).append(Picture(stamp_ns, image))
    return trace
