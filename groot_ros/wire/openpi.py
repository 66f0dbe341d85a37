"""Messages between openpi's clients and servers, and what they mean here.

openpi leaves the names of observations to the policy. A server of this package reads signals and
pictures under the names below, and those of openpi's DROID example; openpi's own read the columns
of a codec, under the same prefix, as that example has them (`examples/droid/main.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from groot_ros.codecs.codec import Codec
from groot_ros.observation.types import Array, ModelInput, ModelOutput, Observation
from groot_ros.signals.signals import EE_POSE, GRIP, JOINT_POSITION
from groot_ros.wire import numpy_wire
from groot_ros.wire.bounded import WireError
from groot_ros.wire.flat import check_picture, read_signals, read_text

TOKEN_KIND = "Api-Key"
PREFIX = "observation/"
SIGNALS = {
    EE_POSE: "observation/ee_pose",
    JOINT_POSITION: "observation/joint_position",
    GRIP: "observation/gripper_position",
}
PROMPT = "prompt"
ACTIONS, TIMING = "actions", "server_timing"


def to_observation(message: Any, codec: Codec) -> Observation:
    """The observation that a client sent; WireError names a value of the wrong kind."""
    if not isinstance(message, dict):
        raise WireError("an observation is a map")
    return Observation(
        stamp_ns=0,
        images=_images(message, codec.video.cameras),
        instruction=read_text(message, PROMPT),
        signals=read_signals(message, SIGNALS),
    )


def _images(message: Mapping[Any, Any], cameras: Mapping[str, str]) -> dict[str, Any]:
    images = {}
    for key, camera in cameras.items():
        names = [PREFIX + name for name in (key, f"{key}_left", f"{camera}_image", camera)]
        if found := next((name for name in names if name in message), None):
            images[camera] = check_picture(found, message[found])
    return images


def of_signals(observation: Observation, codec: Codec, jpeg_quality: int = 0) -> dict[str, Any]:
    """The inverse of `to_observation`; pictures as JPEG if quality is not 0."""
    request: dict[str, Any] = {PROMPT: observation.instruction}
    for spec, key in SIGNALS.items():
        if (value := observation.signals.get(spec.name)) is not None:
            request[key] = np.atleast_1d(np.asarray(value, np.float32))
    for key, pictures in codec.video.encode(observation).items():
        picture = pictures[-1]
        request[PREFIX + key] = (
            numpy_wire.jpeg_map(picture, jpeg_quality) if jpeg_quality else picture
        )
    return request


def of_columns(inputs: ModelInput) -> dict[str, Any]:
    """One moment in a codec's own columns and pictures."""
    state = {PREFIX + key: np.asarray(v[-1], np.float32) for key, v in inputs.state.items()}
    pictures = {PREFIX + key: pictures[-1] for key, pictures in inputs.video.items()}
    return {**state, **pictures, PROMPT: inputs.language}


def to_columns(rows: Array, codec: Codec) -> ModelOutput:
    """Rows (T, D) of actions by the codec's keys, side by side in its order; WireError where D is
    another."""
    features = codec.features.action
    ends = np.cumsum([feature.size for feature in features])
    if rows.shape[1] != ends[-1]:
        keys = " ".join(f"{feature.key}[{feature.size}]" for feature in features)
        raise WireError(
            f"its actions have {rows.shape[1]} columns, expected {ends[-1]} for the codec's {keys}"
        )
    return {
        feature.key: rows[:, end - feature.size : end]
        for feature, end in zip(features, ends, strict=True)
    }


def read_actions(reply: Any) -> Array:
    """Rows (T, D) of an answer; WireError for anything else."""
    rows = reply.get(ACTIONS) if isinstance(reply, dict) else None
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or not len(rows):
        raise WireError("the answer holds no rows of actions")
    return rows.astype(np.float64)
