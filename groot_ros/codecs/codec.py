"""A codec: observation to model input, model output to steps, and what both look like."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from groot_ros.codecs.image import resize_with_pad
from groot_ros.codecs.parts import ActionPart, BinaryGrip, ObservationPart, Part
from groot_ros.errors import UserError
from groot_ros.observation.types import Feature, Features, ModelInput, ModelOutput, Observation
from groot_ros.signals.kinds import CLOSURE
from groot_ros.signals.signals import Signals


@dataclass(frozen=True)
class Timing:
    """How many steps an inference answers and how long each lasts, in ns."""

    horizon: int = 16
    step_ns: int = 1_000_000_000 // 15

    @property
    def action_rate_hz(self) -> float:
        return 1e9 / self.step_ns


@dataclass(frozen=True)
class Video:
    """Pictures by dataset key: the camera each comes from, and their common size in pixels."""

    cameras: Mapping[str, str]
    width: int = 224
    height: int = 224

    def encode(self, observation: Observation) -> dict[str, np.ndarray]:
        """Pictures {key: (1, H, W, 3) uint8}, fitted with black borders."""
        video = {}
        for key, camera in self.cameras.items():
            image = observation.images.get(camera)
            if image is None:
                raise UserError(
                    f"the observation has no picture of camera {camera!r}, which this variant "
                    "reads: add it to the robot file"
                )
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise UserError(
                    f"the picture of camera {camera!r} is {image.dtype} {image.shape}, expected "
                    "uint8 (height, width, 3) RGB"
                )
            video[key] = resize_with_pad(image, self.width, self.height)[None]
        return video


@dataclass(frozen=True)
class Codec:
    """Both directions between the robot's signals and the model's columns; it has no state."""

    name: str
    state: ObservationPart
    action: ActionPart
    video: Video
    timing: Timing = Timing()
    labels: str = "commanded"
    """Where a dataset's actions come from: the `commanded` pose or the `reached` one."""
    language: str = "annotation.language.language_instruction"

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

    @property
    def features(self) -> Features:
        return Features(
            state=_features(self.state.parts),
            action=_features(self.action.parts),
            video=dict(self.video.cameras),
            language=self.language,
        )

    def modality(self) -> dict[str, Any]:
        """Content of a dataset's `meta/modality.json` in GR00T's flavour of LeRobot."""
        return {
            "state": _slices(self.features.state),
            "action": _slices(self.features.action),
            "video": {
                key: {"original_key": f"observation.images.{key}"} for key in self.video.cameras
            },
            "annotation": {
                self.language.removeprefix("annotation."): {"original_key": "task_index"}
            },
        }

    @property
    def fingerprint(self) -> str:
        """SHA-256 in hexadecimal digits: two codecs with the same one make the same columns."""
        content = {
            "name": self.name,
            "labels": self.labels,
            "modality": self.modality(),
            "columns": [part.names for part in (*self.state.parts, *self.action.parts)],
            "picture": [self.video.width, self.video.height],
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def reached(self, name: str) -> Self:
        """This codec with the reached pose as the action and a gripper that decides."""
        parts = tuple(
            BinaryGrip(part.signal, part.key) if part.signal.kind == CLOSURE else part
            for part in self.action.parts
        )
        return replace(self, name=name, labels="reached", action=ActionPart(parts))


def _features(parts: tuple[Part, ...]) -> tuple[Feature, ...]:
    return tuple(Feature(part.key, part.names) for part in parts)


def _slices(features: tuple[Feature, ...]) -> dict[str, dict[str, int]]:
    ends = np.cumsum([feature.size for feature in features]).tolist()
    return {
        f.key: {"start": end - f.size, "end": end} for f, end in zip(features, ends, strict=True)
    }
