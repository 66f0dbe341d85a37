"""Pictures and video as incidents hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import cv2

from groot_ros.cameras.catalog import kind_of, message_to_rgb
from groot_ros.cameras.compressed_image import COMPRESSED_IMAGE
from groot_ros.cameras.units import look_into
from groot_ros.cameras.video import decoder_name
from groot_ros.data.bags.message_decoder import MessageDecoder, Undecodable
from groot_ros.data.bags.message_definitions import find_definition
from groot_ros.data.bags.serialized import MessageMaker
from groot_ros.data.bags.storage import Stream
from groot_ros.errors import UserError
from groot_ros.incidents.kept_messages import Message
from groot_ros.observation.fields import to_ns
from groot_ros.robot.camera_stream import CameraStream

JPEG_QUALITY = 90


class PictureKeeper:
    """Makes of a camera's messages, as they come serialised, what is kept."""

    def __init__(self) -> None:
        self._maker = MessageMaker()
        self._decoder = MessageDecoder()

    def jpeg(self, kind: str, camera: CameraStream, data: bytes) -> bytes:
        """A picture as a serialised CompressedImage; ValueError where it is none."""
        if kind == COMPRESSED_IMAGE:
            return data
        message = self._message(kind, data)
        picture = cv2.cvtColor(message_to_rgb(message, camera), cv2.COLOR_RGB2BGR)
        made, pixels = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not made:
            raise UserError(f"no JPEG holds a picture of {picture.shape[1]}x{picture.shape[0]}")
        stamp_ns = to_ns(message.header.stamp)
        header = self._maker.header(stamp_ns, message.header.frame_id)
        return self._maker.make(
            COMPRESSED_IMAGE, header=header, format="jpeg", data=pixels.reshape(-1)
        )

    def _message(self, kind: str, data: bytes) -> Any:
        text = find_definition(kind).text
        try:
            return self._decoder.decode(
                Stream(
                    topic="",
                    type_name=kind,
                    encoding="cdr",
                    count=0,
                    schema=text,
                    schema_encoding="ros2msg",
                ),
                data,
            )
        except Undecodable as error:
            raise UserError(str(error)) from error

    def from_key_frames(
        self, messages: Iterable[Message], kinds: Mapping[str, str]
    ) -> Iterator[Message]:
        """Messages without the packets of video before the first key frame, of which no picture
        can be made; `kinds` are the types of those topics that are video."""
        waiting = set(kinds)
        for message in messages:
            topic, _, data = message
            if topic in waiting and not self._is_key(kinds[topic], data):
                continue
            waiting.discard(topic)
            yield message

    def _is_key(self, kind: str, data: bytes) -> bool:
        try:
            message = self._message(kind, data)
        except UserError:
            return False
        codec = decoder_name(kind_of(message).video(message))
        return bool(codec) and look_into(codec, bytes(message.data)).is_key
