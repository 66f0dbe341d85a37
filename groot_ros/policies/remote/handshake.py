"""Does the model behind a server fit this variant and this robot?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from groot_ros.codecs.codec import Codec
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.policies.checkpoint.handshake import (
    Difference,
    format_table,
    history_differences,
    metadata_differences,
)
from groot_ros.policies.remote.connection import Handshake
from groot_ros.robot.config import RobotConfig

OTHER_VARIANT = "choose the variant that the server serves"


def check_remote_fit(
    url: str, handshake: Handshake, variant: CodecFile, codec: Codec, robot: RobotConfig
) -> None:
    """UserError with a table when the server's model is of another variant or robot.

    Only what the server tells is compared.
    """
    rows = list(_differences(handshake, variant, codec))
    rows += metadata_differences(handshake.description, codec, robot, OTHER_VARIANT)
    if rows:
        raise UserError(
            f"the server {url} does not fit variant {variant.name} and robot {robot.name}:\n"
            + format_table(rows)
        )


def _differences(handshake: Handshake, variant: CodecFile, codec: Codec) -> Iterator[Difference]:
    features = codec.features
    for what, told, ours, remedy in (
        ("state", handshake.state_keys, [f.key for f in features.state], OTHER_VARIANT),
        ("action", handshake.action_keys, [f.key for f in features.action], OTHER_VARIANT),
        ("cameras", handshake.video_keys, features.video, "name the cameras in the robot file"),
    ):
        if told is not None and set(told) != set(ours):
            yield Difference(what, _words(told), _words(ours), remedy)
    for key, theirs in handshake.pictures.items():
        part = codec.video.parts.get(key)
        if part and theirs != (part.width, part.height, part.fit):
            yield Difference(
                f"picture {key}",
                "{}x{} {}".format(*theirs),
                f"{part.width}x{part.height} {part.fit}",
                "set video.size and fit in the codec file",
            )
    if handshake.relative not in (None, variant.relative):
        words = {True: "relative", False: "absolute"}
        yield Difference(
            "actions", words[not variant.relative], words[variant.relative], OTHER_VARIANT
        )
    yield from history_differences(
        handshake.state_history, handshake.video_history, codec, OTHER_VARIANT
    )


def _words(keys: Iterable[str]) -> str:
    return " ".join(keys)
