"""ffmpeg_image_transport_msgs/FFMPEGPacket: one packet of FFmpeg a message, B-frames too.

`encoding` is the codec and, since version 2 of the transport, the formats of the pixels on their
way into it, the last of them that of the original message: "h264;yuv420p;bgr8;rgb8". Before, it
was the encoder: "libx264", "hevc_nvenc". The header's stamp is that of the picture in the packet.
"""

from __future__ import annotations

from typing import Any

from groot_ros.cameras.depth import is_depth
from groot_ros.cameras.kind import CameraKind


def _video(message: Any) -> str:
    codec, *formats = message.encoding.split(";")
    if formats and is_depth(formats[-1]):
        return f"{codec} of {formats[-1]}"
    return codec or "nameless"


KIND = CameraKind(
    type_name="ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
    field="pts",
    ending="ffmpeg",
    video=_video,
)
