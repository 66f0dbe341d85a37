"""Observations of one embodiment checked against what its checkpoint reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.model.processing.images import ImagePipeline
from groot_ros.model.processing.modality import Modality
from groot_ros.model.processing.prompt import PromptProcessor
from groot_ros.model.processing.state_action import StateActionProcessor
from groot_ros.observation.types import ModelInput

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Processor:
    """Preprocessing and postprocessing of one embodiment: pictures, prompt, state and actions."""

    images: ImagePipeline
    prompts: PromptProcessor
    numbers: StateActionProcessor

    @property
    def modality(self) -> Modality:
        return self.numbers.modality

    def frames(self, inputs: ModelInput) -> list[NDArray[np.uint8]]:
        """Frames (H, W, 3) in time order, the views side by side within each time.

        UserError names a picture that is missing or of the wrong type or shape.
        """
        modality = self.modality
        _check_keys("video", inputs.video, modality.video_keys)
        steps = len(modality.video_delta)
        for key in modality.video_keys:
            video = inputs.video[key]
            if video.dtype != np.uint8 or video.ndim != 4 or video.shape[3] != 3:
                raise UserError(
                    f"video {key!r} is {video.dtype} {video.shape}, expected uint8 "
                    f"({steps}, height, width, 3) RGB"
                )
            if len(video) != steps:
                raise UserError(
                    f"video {key!r} has {len(video)} frames, expected {steps} at steps "
                    f"{list(modality.video_delta)}: the checkpoint was trained so"
                )
        return [inputs.video[key][step] for step in range(steps) for key in modality.video_keys]

    def state(self, inputs: ModelInput) -> dict[str, Array]:
        """The state {key: (T, D)} in float64; UserError names a key or size that does not fit."""
        modality = self.modality
        _check_keys("state", inputs.state, modality.state)
        state = {}
        for key, dim in modality.state.items():
            values = np.asarray(inputs.state[key], dtype=np.float64)
            expected = (len(modality.state_delta), dim)
            if values.shape != expected:
                raise UserError(
                    f"state {key!r} has shape {values.shape}, expected {expected}: the "
                    "checkpoint was trained on another robot or variant"
                )
            if not np.all(np.isfinite(values)):
                raise UserError(f"state {key!r} holds NaN or infinity: check its source")
            state[key] = values
        return state


def _check_keys(kind: str, found: Mapping[str, Any], expected: Iterable[str]) -> None:
    missing = [key for key in expected if key not in found]
    if missing:
        raise UserError(
            f"the observation has no {kind} {', '.join(map(repr, missing))}, only "
            f"{', '.join(map(repr, found)) or 'none'}: choose the variant that the checkpoint "
            "was trained with"
        )
