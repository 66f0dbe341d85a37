"""What the model of a server reads and answers, for a draft of its codec file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from groot_ros.codecs.catalog import OWN_KEY, carried_codec
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.draft import Foreign
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.model.processing.modality import ModalityConfig
from groot_ros.policies.checkpoint.codec_draft import foreign_model
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.gr00t_client import Gr00tConnection
from groot_ros.policies.remote.openpi_client import OpenpiConnection
from groot_ros.policies.remote.policy import OPEN_TIMEOUT_S
from groot_ros.policies.remote.positronic_client import PositronicConnection

WEBSOCKETS = ("ws", "wss")


def told_by_server(url: str, embodiment: str = "", token_env: str = "") -> CodecFile | Foreign:
    """The codec file of a server of this package, which tells it in every protocol.

    Of others by get_modality_config, or by what a server of Positronic's protocol 3 wants of its
    clients: no other protocol tells keys. `embodiment` is that which it serves, of which more may
    be known; UserError where there is no such server.
    """
    config = RemoteConfig(url, token_env=token_env)
    if config.parts.scheme == "gr00t":
        return _of_nvidia(config, embodiment)
    if config.parts.scheme in WEBSOCKETS:
        return _of_positronic(config, embodiment)
    return _of_openpi(config)


def _of_nvidia(config: RemoteConfig, embodiment: str) -> CodecFile | Foreign:
    connection = Gr00tConnection(config, _nothing_is_asked)
    try:
        values, description = connection.ask(OPEN_TIMEOUT_S)
    finally:
        connection.close()
    if carried := _carried(description, config.url):
        return carried
    rate_hz = description.get("action_rate_hz")
    return foreign_model(
        str(config.parts.hostname),
        ModalityConfig.from_dict(_bare(values, config.url), embodiment or config.url),
        embodiment,
        statistics={},
        fps=round(rate_hz) if isinstance(rate_hz, int | float) and rate_hz >= 1 else None,
    )


def _of_positronic(config: RemoteConfig, embodiment: str) -> CodecFile | Foreign:
    connection = PositronicConnection(config, _nothing_is_asked)
    try:
        stack, description = connection.ask(OPEN_TIMEOUT_S)
    finally:
        connection.close()
    if carried := _carried(description, config.url):
        return carried
    if stack is None or stack.video is None or stack.state is None:
        raise UserError(
            f"the server {config.url} takes the robot's signals as they are and has the codec "
            "itself, so there is none to draft: `groot-ros codec list` has those of its kind"
        )
    parts = {
        "video": list(stack.video),
        "state": list(stack.state),
        "action": list(stack.actions or ()),
        "language": [stack.language],
    }
    entry = {part: {"modality_keys": keys, "delta_indices": [0]} for part, keys in parts.items()}
    told = foreign_model(
        str(config.parts.hostname),
        ModalityConfig.from_dict(entry, embodiment or config.url),
        embodiment,
        statistics={},
        fps=round(stack.fps) or None,
    )
    sizes = {key: picture[:2] for key, picture in stack.video.items() if picture}
    return replace(told, video={**told.video, **sizes}, horizon=None)


def _of_openpi(config: RemoteConfig) -> CodecFile:
    connection = OpenpiConnection(config, _nothing_is_asked)
    try:
        description = connection.ask(OPEN_TIMEOUT_S)
    finally:
        connection.close()
    if carried := _carried(description, config.url):
        return carried
    raise UserError(
        f"the server {config.url} does not tell what its model reads, as openpi's do not: write "
        "the codec file by hand, docs/serving.md has one"
    )


def _carried(description: Mapping[str, Any], url: str) -> CodecFile | None:
    """The codec file that a server of this package tells; None of others."""
    return carried_codec(description, url) if OWN_KEY in description else None


def _nothing_is_asked() -> Codec:
    raise RuntimeError("a draft has no codec yet")


def _bare(values: object, url: str) -> object:
    """The entry without the names of modalities that N1.5 puts in front of keys."""
    try:
        return {
            part: {
                **entry,
                "modality_keys": [
                    str(key).removeprefix(f"{part}.") for key in entry["modality_keys"]
                ],
            }
            for part, entry in values.items()  # type: ignore[attr-defined]
        }
    except (AttributeError, KeyError, TypeError):
        raise UserError(
            f"the server {url} answers get_modality_config with something else than modalities"
        ) from None
