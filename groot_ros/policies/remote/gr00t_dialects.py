"""How the versions of NVIDIA's server lay out observations and actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.observation.types import Array, ModelInput, ModelOutput
from groot_ros.wire.gr00t import to_observation


class Dialect(Protocol):
    """One layout of requests and answers."""

    @property
    def has_reset(self) -> bool:
        """Whether the server knows the endpoint `reset`."""

    def request(self, inputs: ModelInput, jpeg_quality: int, options: Any) -> dict[str, Any]:
        """`data` of get_action."""

    def read(self, reply: Any) -> tuple[ModelOutput, Mapping[str, Any]]:
        """Actions {key: (T, D)} and what else is told; UserError when it is something else."""


class Nested:
    """N1.6 and N1.7: one dict per modality, a batch in front."""

    has_reset = True

    def __init__(self, language_key: str) -> None:
        self._language_key = language_key

    def request(self, inputs: ModelInput, jpeg_quality: int, options: Any) -> dict[str, Any]:
        observation = to_observation(inputs, self._language_key, jpeg_quality)
        return {"observation": observation, "options": options}

    def read(self, reply: Any) -> tuple[ModelOutput, Mapping[str, Any]]:
        if not isinstance(reply, list) or len(reply) != 2 or not isinstance(reply[0], dict):
            raise UserError("the server answers get_action with no actions")
        output = {key: _steps(key, values, 3)[0] for key, values in reply[0].items()}
        return output, reply[1] if isinstance(reply[1], dict) else {}


class Flat:
    """N1.5: keys with the modality's name in front, no batch."""

    has_reset = False

    def __init__(self, language_key: str) -> None:
        self._language_key = language_key

    def request(self, inputs: ModelInput, jpeg_quality: int, options: Any) -> dict[str, Any]:
        return {
            **{f"video.{key}": images for key, images in inputs.video.items()},
            **{f"state.{key}": np.asarray(v, np.float32) for key, v in inputs.state.items()},
            self._language_key: [inputs.language],
        }

    def read(self, reply: Any) -> tuple[ModelOutput, Mapping[str, Any]]:
        if not isinstance(reply, dict) or not reply:
            raise UserError("the server answers get_action with no actions")
        prefix = "action."
        return {key.removeprefix(prefix): _steps(key, v, 2) for key, v in reply.items()}, {}


def find_dialect(language_key: str, state_keys: Sequence[str]) -> Dialect:
    """The dialect of a server by the keys of its get_modality_config."""
    is_flat = all(key.startswith("state.") for key in state_keys)
    return Flat(language_key) if is_flat else Nested(language_key)


def _steps(key: Any, values: Any, dimensions: int) -> Array:
    """Numbers (T, D), after a batch of one where there are three dimensions."""
    if isinstance(values, np.ndarray):
        # N1.5 leaves out the last size of a key with one number.
        shaped: NDArray[Any] = values[:, None] if values.ndim + 1 == dimensions == 2 else values
        if shaped.ndim == dimensions and (dimensions == 2 or len(shaped) == 1):
            return shaped.astype(np.float64)
    raise UserError(f"the server's {key!r:.40} is no array of steps and numbers")
