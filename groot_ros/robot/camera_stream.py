"""Cameras of a robot file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.files.typed import Finite, Misfit, numbers, text, whole
from groot_ros.robot.stream_time import HEADER, MaxAge, TimeKeys
from groot_ros.robot.topic import Topic

Picture = NDArray[np.uint8]

CAMERA_MAX_AGE_S = 0.3
Pixels = Annotated[int, whole(0, 65_535)]


@dataclass(frozen=True, kw_only=True)
class PictureView:
    """A part of a picture, turned and mirrored, in this order.

    `crop` is left, top, width and height of the part in pixels of the picture as it comes, None
    for all of it; `rotate_deg` a multiple of 90, clockwise; `mirror` swaps left and right.
    """

    crop: tuple[int, int, int, int] | None = None
    rotate_deg: int = 0
    mirror: bool = False

    def of(self, picture: Picture) -> Picture:
        """The view of a picture (H, W, 3); UserError for one that does not hold `crop`."""
        if self.crop:
            picture = self._part(picture, *self.crop)
        if self.rotate_deg:
            picture = np.rot90(picture, -self.rotate_deg // 90)
        if self.mirror:
            picture = picture[:, ::-1]
        return np.ascontiguousarray(picture)

    def _part(self, picture: Picture, left: int, top: int, width: int, height: int) -> Picture:
        size = picture.shape[1], picture.shape[0]
        if left + width > size[0] or top + height > size[1]:
            raise UserError(
                f"crop is {list(self.crop or ())}, which leaves a picture of {size[0]}x{size[1]}: "
                "[LEFT, TOP, WIDTH, HEIGHT] in pixels are expected in the robot file"
            )
        return picture[top : top + height, left : left + width]


@dataclass(frozen=True)
class CameraStream:
    """A camera; the picture was taken `latency_s` before the time of its `clock` (see StreamTime).
    `key` is its dataset key.

    What it sends is told by its topic's type. `compressed` is what it is taken for before anybody
    has sent: CompressedImage. `encoding` (rgb8 or bgr8, may be empty) says what pictures of
    encoding 8UC3 are, `depth_range_m` which depth from near to far becomes grey. `view` is what of
    a picture is used: [left, top, width, height] of `crop` in pixels, then turned by `rotate`
    degrees clockwise, then mirrored.
    """

    topic: str
    key: str
    compressed: bool
    encoding: str = ""
    latency_s: float = 0.0
    max_age_s: float = CAMERA_MAX_AGE_S
    clock: str = HEADER
    depth_range_m: tuple[float, float] | None = None
    view: PictureView = PictureView()


class CameraKeys(TimeKeys, frozen=True, kw_only=True):
    """A camera of the section `cameras`; see CameraStream."""

    topic: Topic
    key: Annotated[str, text("a video key")] | None = None
    compressed: bool | None = None
    encoding: Literal["rgb8", "bgr8"] | None = None
    """What 8UC3 means."""
    max_age: MaxAge = CAMERA_MAX_AGE_S
    depth_range: Annotated[tuple[Finite, ...], numbers("m", 2)] | None = None
    crop: Annotated[tuple[Pixels, ...], numbers("px", 4)] | None = None
    rotate: Literal[0, 90, 180, 270] = 0
    mirror: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth_range and not 0 <= self.depth_range[0] < self.depth_range[1]:
            near_m, far_m = self.depth_range
            raise Misfit(
                f"is [{near_m:g}, {far_m:g}], expected [NEAR, FAR] in m, 0 or more each",
                "depth_range",
            )
        if self.crop and 0 in self.crop[2:]:
            raise Misfit(
                f"is {list(self.crop)}, expected [LEFT, TOP, WIDTH, HEIGHT] with some pixels",
                "crop",
            )

    @property
    def _part(self) -> tuple[int, int, int, int] | None:
        if self.crop is None:
            return None
        left, top, width, height = self.crop
        return left, top, width, height

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
            view=PictureView(crop=self._part, rotate_deg=self.rotate, mirror=self.mirror),
        )


def _video_key(camera: str) -> str:
    return {"exterior": "exterior_image_1"}.get(camera, f"{camera}_image")
