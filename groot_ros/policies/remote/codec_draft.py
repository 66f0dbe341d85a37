"""What the model of a server reads and answers, for a draft of its codec file."""

from __future__ import annotations

from groot_ros.codecs.codec import Codec
from groot_ros.codecs.draft import Foreign
from groot_ros.errors import UserError
from groot_ros.model.processing.modality import ModalityConfig
from groot_ros.policies.checkpoint.codec_draft import foreign_model
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.gr00t import Gr00tConnection
from groot_ros.policies.remote.policy import OPEN_TIMEOUT_S


def foreign_server(url: str, embodiment: str = "", token_env: str = "") -> Foreign:
    """By its get_modality_config: no other protocol tells keys, formats and history.

    `embodiment` is that which it serves, of which more may be known; UserError where there is no
    such server.
    """
    config = RemoteConfig(url, token_env=token_env)
    if config.parts.scheme != "gr00t":
        raise UserError(
            f"{url} is no server for NVIDIA's clients, and others do not tell what their model "
            "reads: write the codec file by hand, docs/serving.md has one"
        )
    connection = Gr00tConnection(config, _nothing_is_asked)
    try:
        values, description = connection.ask(OPEN_TIMEOUT_S)
    finally:
        connection.close()
    rate_hz = description.get("action_rate_hz")
    return foreign_model(
        str(config.parts.hostname),
        ModalityConfig.from_dict(_bare(values, url), embodiment or url),
        embodiment,
        statistics={},
        fps=round(rate_hz) if isinstance(rate_hz, int | float) and rate_hz >= 1 else None,
    )


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
