"""Between a model's columns and chunks."""

from __future__ import annotations

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.progress import Prefix
from groot_ros.codecs.codec import Codec
from groot_ros.errors import UserError
from groot_ros.observation.types import ActionPrefix, ModelOutput


def to_chunk(codec: Codec, output: ModelOutput, stamp_ns: int) -> Chunk:
    """Chunk of a model's answer to an observation at `stamp_ns`."""
    return Chunk(
        stamp_ns=stamp_ns,
        step_ns=codec.timing.step_ns,
        signals=codec.decode(output),
    )


def no_continuation(codec: Codec) -> str:
    """Why a model's answer cannot continue a chunk; empty where it can."""
    if not codec.action.ignored:
        return ""
    return (
        f"codec {codec.name} ignores actions ({', '.join(codec.action.ignored)}), which a "
        "chunk that continues another has to hold"
    )


def continued_actions(codec: Codec, prefix: Prefix) -> ActionPrefix:
    """The prefix as a model's columns.

    UserError where the model answers more than the prefix holds.
    """
    if obstacle := no_continuation(codec):
        raise UserError(f"{obstacle}: choose another strategy than rtc")
    chunk, horizon = prefix.chunk, codec.timing.horizon
    steps = chunk.signals.at(slice(horizon))
    return ActionPrefix(codec.action.encode(steps), min(prefix.frozen_steps, steps.steps))
