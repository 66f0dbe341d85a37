"""What the model of a server reads and answers, for a draft of its codec file."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from groot_ros.codecs.catalog import OWN_KEY, carried_codec
from groot_ros.codecs.codec import Codec
from groot_ros.codecs.draft import Foreign
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.model.processing.modality import ModalityConfig
from groot_ros.policies.checkpoint.codec_draft import foreign_model
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policies.remote.policy import OPEN_TIMEOUT_S


def told_by_server(url: str, embodiment: str = "", token_env: str = "") -> CodecFile | Foreign:
    """The codec file of a server of this package, which tells it in every protocol.

    Of others what they say of their model; UserError where their protocol tells no keys, or there
    is no such server. `embodiment` is that which it serves, of which more may be known.
    """
    config = RemoteConfig(url, token_env=token_env)
    with closing(config.scheme.client(config, _nothing_is_asked)) as connection:
        told = connection.ask(OPEN_TIMEOUT_S)
    if OWN_KEY in told.description and (carried := carried_codec(told.description, url)):
        return carried
    if told.entry is None:
        raise UserError(f"the server {url} {told.why_none}")
    model = foreign_model(
        str(config.parts.hostname),
        ModalityConfig.from_dict(told.entry, embodiment or url),
        embodiment,
        statistics={},
        fps=told.fps,
    )
    horizon = model.horizon if told.is_horizon_told else None
    return replace(model, video={**model.video, **told.sizes}, horizon=horizon)


def _nothing_is_asked() -> Codec:
    raise RuntimeError("a draft has no codec yet")
