"""A codec: observation to model input, model output to steps, and what both look like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from groot_ros.codecs.parts import COMMANDED, NOW, REACHED, ActionPart, ObservationPart
from groot_ros.codecs.pictures import fit
from groot_ros.errors import UserError
from groot_ros.observation.types import (
    LANGUAGE,
    Feature,
    Features,
    Image,
    ModelInput,
    ModelOutput,
    Observation,
)
from groot_ros.signals.signals import Signals

FPS, HORIZON = 15, 16
"""Where a codec file does not say."""


@dataclass(frozen=True)
class Timing:
    """How many steps an inference answers and how long each lasts, in ns."""

    horizon: int = HORIZON
    step_ns: int = 1_000_000_000 // FPS

    @property
    def action_rate_hz(self) -> float:
        """Steps per second."""
        return 1e9 / self.step_ns


@dataclass(frozen=True)
class VideoPart:
    """A video key: the camera it shows, its size in pixels, how pictures are fitted into it."""

    camera: str
    width: int = 224
    height: int = 224
    fit: str = "pad"
    history: tuple[int, ...] = NOW


@dataclass(frozen=True)
class Video:
    """Pictures by dataset key."""

    parts: Mapping[str, VideoPart]

    @property
    def history(self) -> tuple[int, ...]:
        """The steps that all parts read, the last one 0."""
        return next(iter(self.parts.values())).history

    @property
    def cameras(self) -> dict[str, str]:
        """The camera of each key."""
        return {key: part.camera for key, part in self.parts.items()}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels within which every picture lies."""
        parts = self.parts.values()
        return max(part.width for part in parts), max(part.height for part in parts)

    def encode(self, observation: Observation) -> dict[str, np.ndarray]:
        """Pictures {key: (T, H, W, 3) uint8}, T of the parts' history."""
        return {
            key: _stacked([_seen(part, observation.at(step)) for step in part.history])
            for key, part in self.parts.items()
        }


def _stacked(pictures: list[Image]) -> np.ndarray:
    """Pictures (T, H, W, 3), without a copy of a single one."""
    return pictures[0][None] if len(pictures) == 1 else np.stack(pictures)


def _seen(part: VideoPart, observation: Observation) -> Image:
    """The picture of a moment (H, W, 3)."""
    image = observation.images.get(part.camera)
    if image is None:
        raise UserError(
            f"the observation has no picture of camera {part.camera!r}, which this "
            "variant reads: add it to the robot file"
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise UserError(
            f"the picture of camera {part.camera!r} is {image.dtype} {image.shape}, "
            "expected uint8 (height, width, 3) RGB"
        )
    return fit(image, part.width, part.height, part.fit)


@dataclass(frozen=True)
class Codec:
    """Both directions between the robot's signals and the model's columns; it has no state."""

    name: str
    state: ObservationPart
    action: ActionPart
    video: Video
    timing: Timing = Timing()
    language: str = LANGUAGE

    @property
    def labels(self) -> str:
        """Where a dataset's actions come from: `reached` where all of them do."""
        is_reached = all(part.label == REACHED for part in self.action.parts)
        return REACHED if is_reached else COMMANDED

    def encode(self, observation: Observation) -> ModelInput:
        """Model input of an observation; UserError names a missing or impossible signal."""
        return ModelInput(
            video=self.video.encode(observation),
            state=self.state.encode(observation),
            language=observation.instruction,
        )

    def decode(self, output: ModelOutput) -> Signals:
        """Steps of a model's answer in physical, absolute units."""
        return self.action.decode(output)

    @cached_property
    def past(self) -> tuple[int, ...]:
        """The steps before an observation that it reads, negative, in their order."""
        return tuple(sorted({*self.state.history, *self.video.history} - {0}))

    @cached_property
    def now(self) -> Codec:
        """The codec without history, as for the rows of a dataset."""
        if not self.past:
            return self
        parts = tuple(replace(part, history=NOW) for part in self.state.parts)
        videos = {key: replace(part, history=NOW) for key, part in self.video.parts.items()}
        return replace(self, state=ObservationPart(parts), video=Video(videos))

    @property
    def features(self) -> Features:
        return Features(
            state=self.state.features,
            action=self.action.features,
            video=self.video.cameras,
            language=self.language,
        )

    def modality(self) -> dict[str, Any]:
        """Content of a dataset's `meta/modality.json` in GR00T's flavour of LeRobot."""
        return {
            "state": _slices(self.features.state),
            "action": _slices(self.features.action),
            "video": {
                key: {"original_key": f"observation.images.{key}"} for key in self.video.parts
            },
            "annotation": {
                self.language.removeprefix("annotation."): {"original_key": "task_index"}
            },
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal digits: two codecs with the same one make the same columns."""
        # The parts are dataclasses of plain values, whose text says all that they do.
        content = repr((self.name, self.state, self.action, sorted(self.video.parts.items())))
        text = json.dumps({"codec": content, "modality": self.modality()}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _slices(features: tuple[Feature, ...]) -> dict[str, dict[str, int]]:
    ends = np.cumsum([feature.size for feature in features]).tolist()
    return {
        f.key: {"start": end - f.size, "end": end} for f, end in zip(features, ends, strict=True)
    }
