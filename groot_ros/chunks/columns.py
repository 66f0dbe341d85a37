"""Between a model's columns and chunks."""

from __future__ import annotations

from groot_ros.chunks.chunk import Chunk
from groot_ros.codecs.codec import Codec
from groot_ros.observation.types import ModelOutput, Prefix


def to_chunk(codec: Codec, output: ModelOutput, stamp_ns: int) -> Chunk:
    """The chunk that a codec decodes from a model's output, for an observation at `stamp_ns`.

    UserError where the output lacks a key, or has another size or a number that is not finite.
    """
    return Chunk(
        stamp_ns=stamp_ns,
        step_ns=codec.timing.step_ns,
        signals=codec.decode(output),
    )


def continued_actions(codec: Codec, prefix: Prefix[Chunk]) -> Prefix[ModelOutput]:
    """A prefix of a chunk encoded as the model's action columns; actions that the codec ignores
    are left out."""
    chunk, horizon = prefix.steps, codec.timing.horizon
    steps = chunk.signals.at(slice(horizon))
    return Prefix(codec.action.encode(steps), min(prefix.frozen_steps, steps.steps))
