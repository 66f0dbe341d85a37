"""Cameras of a robot file."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.robot.section import Section
from groot_ros.robot.stream_time import (
    CLOCKS,
    HEADER,
    read_latency_s,
    read_max_age_s,
)

CAMERA_MAX_AGE_S = 0.3
# What 8UC3 can mean.
COLOURS = ("rgb8", "bgr8")


@dataclass(frozen=True)
class CameraStream:
    """A camera; the picture was taken `latency_s` before the time of its `clock` (see StreamTime).
    `key` is its dataset key.

    What it sends is told by its topic's type. `compressed` is what it is taken for before anybody
    has sent: CompressedImage. `encoding` (rgb8 or bgr8, may be empty) says what pictures of
    encoding 8UC3 are, `depth_range_m` which depth from near to far becomes grey.
    """

    topic: str
    key: str
    compressed: bool
    encoding: str = ""
    latency_s: float = 0.0
    max_age_s: float = CAMERA_MAX_AGE_S
    clock: str = HEADER
    depth_range_m: tuple[float, float] | None = None


def read_camera(name: str, section: Section) -> CameraStream:
    topic = section.topic("topic")
    stream = CameraStream(
        topic=topic,
        key=section.text("key", "a video key") if "key" in section else _video_key(name),
        compressed=_is_compressed(topic, section),
        encoding=section.choice("encoding", COLOURS) if "encoding" in section else "",
        latency_s=read_latency_s(section),
        max_age_s=read_max_age_s(section, CAMERA_MAX_AGE_S),
        clock=section.choice("clock", CLOCKS) if "clock" in section else HEADER,
        depth_range_m=_depth_range_m(section) if "depth_range" in section else None,
    )
    section.finish()
    return stream


def _depth_range_m(section: Section) -> tuple[float, float]:
    near_m, far_m = section.numbers("depth_range", "m", 2)
    if not 0 <= near_m < far_m:
        raise section.error(
            "depth_range", f"is [{near_m:g}, {far_m:g}], expected [NEAR, FAR] in m, 0 or more each"
        )
    return near_m, far_m


def _is_compressed(topic: str, section: Section) -> bool:
    if "compressed" in section:
        return section.boolean("compressed")
    return topic.rsplit("/", 1)[-1] == "compressed"


def _video_key(camera: str) -> str:
    return {"exterior": "exterior_image_1"}.get(camera, f"{camera}_image")
