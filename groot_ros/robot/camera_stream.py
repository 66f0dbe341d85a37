"""Cameras of a robot file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from groot_ros.files.typed import Finite, Misfit, numbers, text
from groot_ros.robot.stream_time import HEADER, MaxAge, TimeKeys
from groot_ros.robot.topic import Topic

CAMERA_MAX_AGE_S = 0.3


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


class CameraKeys(TimeKeys, frozen=True, kw_only=True):
    """A camera of the section `cameras`; see CameraStream."""

    topic: Topic
    key: Annotated[str, text("a video key")] | None = None
    compressed: bool | None = None
    encoding: Literal["rgb8", "bgr8"] | None = None
    """What 8UC3 means."""
    max_age: MaxAge = CAMERA_MAX_AGE_S
    depth_range: Annotated[tuple[Finite, ...], numbers("m", 2)] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth_range and not 0 <= self.depth_range[0] < self.depth_range[1]:
            near_m, far_m = self.depth_range
            raise Misfit(
                f"is [{near_m:g}, {far_m:g}], expected [NEAR, FAR] in m, 0 or more each",
                "depth_range",
            )

    def stream(self, name: str) -> CameraStream:
        """The camera of this name."""
        is_compressed = self.topic.rsplit("/", 1)[-1] == "compressed"
        return CameraStream(
            topic=self.topic,
            key=self.key or _video_key(name),
            compressed=is_compressed if self.compressed is None else self.compressed,
            encoding=self.encoding or "",
            latency_s=self.latency,
            max_age_s=self.max_age,
            clock=self.clock or HEADER,
            depth_range_m=(self.depth_range[0], self.depth_range[1]) if self.depth_range else None,
        )


def _video_key(camera: str) -> str:
    return {"exterior": "exterior_image_1"}.get(camera, f"{camera}_image")
