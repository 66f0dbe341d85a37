"""Does the model behind a server fit this variant and this robot?"""

from __future__ import annotations

from groot_ros.codecs.catalog import codec_names, shipped_codecs
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.policies.checkpoint.handshake import (
    Difference,
    Interface,
    codec_argument,
    format_table,
    interface_differences,
    is_own_codec,
    metadata_differences,
    robot_argument,
    robot_remedy,
)
from groot_ros.policies.remote.connection import Handshake, RemoteConfig
from groot_ros.robot.config import RobotConfig


def check_remote_fit(
    config: RemoteConfig,
    handshake: Handshake,
    variant: CodecFile,
    codec: Codec,
    robot: RobotConfig,
) -> None:
    """UserError with a table when the server's model is of another variant or robot.

    Only what the server tells is compared.
    """

    def differences(
        other_interface: str = "", other_variant: str = "", other_robot: str = ""
    ) -> list[Difference]:
        return [
            *interface_differences(_interface(handshake), ours, other_interface),
            *metadata_differences(
                told, codec, robot=robot, other_variant=other_variant, other_robot=other_robot
            ),
        ]

    told = handshake.description
    ours = Interface.of(variant, codec, lambda feature: feature.key)
    if not differences():
        return
    # With the server's own codec it is the robot that differs.
    is_own = is_own_codec(told, config.url, variant)
    theirs = str(told.get("variant"))
    named = codec_argument(variant) if is_own or theirs not in codec_names() else theirs
    other_variant = _other_variant(config, handshake, variant, robot)
    seen = {**told, "cameras": handshake.video_keys}
    other_robot = robot_remedy(seen, robot, _server(config, named))
    rows = differences(other_robot if is_own else other_variant, other_variant, other_robot)
    raise UserError(
        f"the server {config.url} does not fit variant {variant.name} and robot {robot.name}:\n"
        + format_table(rows)
    )


def _other_variant(
    config: RemoteConfig, handshake: Handshake, variant: CodecFile, robot: RobotConfig
) -> str:
    """The launch with the shipped variant that the server serves; where none is known to be it,
    what writes its codec file."""
    told = handshake.description
    # A user's own file may have the name of one that ships.
    known = [f for f in shipped_codecs() if f.codec_name == told.get("codec", f.codec_name)]
    fitting = [file.name for file in known if file.name == told.get("variant")]
    if not fitting and handshake.state_keys is not None:
        fitting = [file.name for file in known if _serves(file, robot, handshake)]
    if not fitting or fitting[0] == variant.name:
        token = f"--token-env {config.token_env} " if config.token_env else ""
        return (
            f"groot-ros codec draft --url {quoted(config.url)} {token}"
            f"--robot {robot_argument(robot)} --output mine.yaml"
        )
    return f"ros2 launch groot_ros policy.launch.py robot:={robot_argument(robot)} " + _server(
        config, fitting[0]
    )


def _serves(file: CodecFile, robot: RobotConfig, handshake: Handshake) -> bool:
    try:
        codec = file.codec(robot)
    # Of other arms, or signals that this robot has not.
    except UserError:
        return False
    ours = Interface.of(file, codec, lambda feature: feature.key)
    return not list(interface_differences(_interface(handshake), ours, ""))


def _server(config: RemoteConfig, variant: str) -> str:
    token = f" policy_token_env:={config.token_env}" if config.token_env else ""
    return f"policy:=remote policy_url:={quoted(config.url)}{token} variant:={variant}"


def _interface(handshake: Handshake) -> Interface:
    return Interface(
        state=handshake.state_keys,
        action=handshake.action_keys,
        video=handshake.video_keys,
        pictures={key: "{}x{} {}".format(*size) for key, size in handshake.pictures.items()},
        relative=handshake.relative,
        state_history=handshake.state_history,
        video_history=handshake.video_history,
    )
