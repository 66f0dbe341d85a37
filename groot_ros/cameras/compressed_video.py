"""foxglove_msgs/CompressedVideo: one packet of video a message, without B-frames.

https://docs.foxglove.dev/docs/sdk/schemas/compressed-video
"""

from __future__ import annotations

from groot_ros.cameras.kind import CameraKind

KIND = CameraKind(
    type_name="foxglove_msgs/msg/CompressedVideo",
    field="timestamp",
    ending="foxglove",
    video=lambda message: message.format or "nameless",
)
