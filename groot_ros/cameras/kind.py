"""What the message types of cameras have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.robot.camera_stream import CameraStream

Picture = NDArray[np.uint8]
"""(H, W, 3) RGB."""
Decode = Callable[[], Picture]
"""Makes the picture of a message when it is wanted."""


def no_video(message: Any) -> str:
    """Every message is a picture by itself."""
    return ""


def no_picture(message: Any, camera: CameraStream) -> Picture:
    """Raise UserError: the type holds video alone, whose packets are no pictures."""
    raise UserError("it is video, whose packets are no pictures by themselves")


@dataclass(frozen=True, kw_only=True)
class CameraKind:
    """A message type of cameras.

    `video` names the video format of a message, empty where it is a picture by itself, which
    `picture` decodes (UserError where it cannot be).
    """

    type_name: str
    field: str
    """A field by which its messages are told from those of the kinds behind it in `KINDS`."""
    ending: str
    """The last part of a topic's name that promises this type; empty for none."""
    video: Callable[[Any], str] = no_video
    picture: Callable[[Any, CameraStream], Picture] = no_picture
