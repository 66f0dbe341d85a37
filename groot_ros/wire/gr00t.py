"""What NVIDIA's clients ask and get, between their nested dicts and the model's types."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from groot_ros.model.processing.modality import Modality
from groot_ros.observation.types import Array, ModelInput, ModelOutput, Prefix
from groot_ros.wire import nvidia_wire
from groot_ros.wire.bounded import WireError

BATCH = 32
# What NVIDIA's Gr00tSimPolicyWrapper takes for `task`: some of its environments say it so.
TASK, COARSE_ACTION = "task", "annotation.human.coarse_action"
# Of what a client sent, in an error.
SHOWN_KEYS = 20


def to_inputs(observation: Any, modality: Modality) -> list[ModelInput]:
    """Model inputs of an observation of B batches.

    video {key: (B, T, H, W, 3)}, state {key: (B, T, D)}, language {key: B lists of a sentence}, or
    the flat names of NVIDIA's simulators: `video.key`, `state.key`, language key: B sentences.
    Keys that the model does not read are left out, as NVIDIA's policies leave them. WireError
    names a part that is missing or not so; whether sizes fit is the model's to say.
    """
    if is_flat(observation):
        observation = _nested(observation)
    video = _arrays(observation, "video", 5, modality.video_keys)
    state = _arrays(observation, "state", 3, modality.state)
    sizes = {len(array) for array in (*video.values(), *state.values())}
    if len(sizes) != 1 or not 1 <= (batch := sizes.pop()) <= BATCH:
        raise WireError(
            "the first sizes of the observation's arrays differ or are not 1 to "
            f"{BATCH}: they are the batch"
        )
    sentences = _sentences(observation, modality.language_key, batch)
    return [
        ModelInput(
            {key: array[index] for key, array in video.items()},
            {key: array[index] for key, array in state.items()},
            sentences[index],
        )
        for index in range(batch)
    ]


def to_observation(inputs: ModelInput, language_key: str, jpeg_quality: int) -> dict[str, Any]:
    """A model input as a client sends it: a batch of one; pictures as JPEG if quality is not 0."""
    video: dict[str, Any] = {key: images[None] for key, images in inputs.video.items()}
    if jpeg_quality:
        video = {key: nvidia_wire.Jpegs(images, jpeg_quality) for key, images in video.items()}
    return {
        "video": video,
        "state": {
            key: np.asarray(values, np.float32)[None] for key, values in inputs.state.items()
        },
        "language": {language_key: [[inputs.language]]},
    }


def is_flat(observation: Any) -> bool:
    """Whether it has the names of NVIDIA's simulators (`Gr00tSimPolicyWrapper`)."""
    return isinstance(observation, dict) and any(
        isinstance(key, str) and key.startswith("video.") for key in observation
    )


def _nested(observation: dict[Any, Any]) -> dict[str, Any]:
    parts: dict[str, Any] = {"video": {}, "state": {}, "language": {}}
    for name, value in observation.items():
        part, _, key = str(name).partition(".")
        if part in ("video", "state"):
            parts[part][key] = value
        else:
            parts["language"][name] = value
    if COARSE_ACTION in parts["language"]:
        parts["language"].setdefault(TASK, parts["language"][COARSE_ACTION])
    return parts


def to_answer(outputs: Sequence[ModelOutput], prefix: str = "") -> dict[str, Array]:
    """Actions {key: (B, T, D) float32} of all batches, `prefix` in front of their keys."""
    return {
        prefix + key: np.stack([output[key] for output in outputs]).astype(np.float32)
        for key in outputs[0]
    }


def to_prefix(options: Any) -> Prefix[ModelOutput] | None:
    """What the answer is to continue, from a client of this package; WireError for nonsense."""
    if not isinstance(options, dict) or "action_prefix" not in options:
        return None
    actions, frozen_steps = options["action_prefix"], options.get("frozen_steps")
    if not isinstance(actions, dict) or type(frozen_steps) is not int:
        raise WireError("options.action_prefix lacks its actions or options.frozen_steps")
    for key, array in actions.items():
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            raise WireError(f"options.action_prefix.{key!s:.40} is no array (steps, numbers)")
    return Prefix(actions, frozen_steps)


def modality_reply(modality: Modality) -> dict[str, Any]:
    """The answer to get_modality_config."""
    parts: dict[str, tuple[Sequence[int], Sequence[str]]] = {
        "video": (modality.video_delta, modality.video_keys),
        "state": (modality.state_delta, list(modality.state)),
        "action": (modality.action_delta, [action.key for action in modality.actions]),
        "language": ([0], [modality.language_key]),
    }
    actions = [action.config.to_dict() for action in modality.actions]
    return {
        name: nvidia_wire.modality_map(
            {
                "delta_indices": list(delta),
                "modality_keys": list(keys),
                "sin_cos_embedding_keys": None,
                "mean_std_embedding_keys": None,
                "action_configs": actions if name == "action" else None,
            }
        )
        for name, (delta, keys) in parts.items()
    }


def _arrays(observation: Any, part: str, dimensions: int, keys: Collection[str]) -> dict[str, Any]:
    sent = observation.get(part) if isinstance(observation, dict) else None
    if not isinstance(sent, dict) or not sent:
        raise WireError(f"the observation has no {part!r}, expected a dict of arrays")
    if missing := [key for key in keys if key not in sent]:
        raise WireError(_missing(part, missing, sent))
    arrays = {key: sent[key] for key in keys}
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.ndim != dimensions:
            found = f"{array.ndim} dimensions" if isinstance(array, np.ndarray) else "no array"
            raise WireError(f"{part} {key!r:.40} has {found}, expected {dimensions}")
        if not array.size:
            raise WireError(f"{part} {key!r:.40} is empty, its shape is {array.shape}")
    return arrays


def _missing(part: str, missing: Iterable[str], sent: Iterable[Any]) -> str:
    found = ", ".join(f"{key!r:.60}" for key in islice(sent, SHOWN_KEYS)) or "nothing"
    return (
        f"the observation has no {part} {', '.join(map(repr, missing))}, only {found}: send the "
        "keys that get_modality_config names"
    )


def _sentences(observation: Any, key: str, batch: int) -> list[str]:
    language = observation.get("language")
    if not isinstance(language, dict) or key not in language:
        sent = language if isinstance(language, dict) else ()
        raise WireError(_missing("language", [key], sent))
    sentences = language[key]
    if not isinstance(sentences, list) or len(sentences) != batch:
        raise WireError(f"language {key!r} is no list of {batch}, one entry per batch")
    found = [s[0] if isinstance(s, list) and len(s) == 1 else s for s in sentences]
    if not all(isinstance(sentence, str) for sentence in found):
        raise WireError(f"language {key!r} holds something else than one sentence per batch")
    return found
