"""What goes into a codec and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Observation:
    """One moment of the robot, all streams at `stamp_ns`, the time when the pictures were taken.

    ee_pose (7,) xyz in m + quaternion wxyz in the robot's base frame; joint_position (J,) rad in
    the robot file's order; grip gripper closure in [0, 1], 1 closed; images (H, W, 3) uint8 RGB
    by camera name. A stream that the robot does not have is None.
    """

    stamp_ns: int
    images: Mapping[str, Image]
    instruction: str
    ee_pose: Array | None = None
    joint_position: Array | None = None
    grip: float | None = None


@dataclass(frozen=True)
class ModelInput:
    """What the model reads: video {key: (T, H, W, 3) uint8 RGB}, state {key: (T, D)}, language."""

    video: Mapping[str, Image]
    state: Mapping[str, Array]
    language: str


# What the model answers, in physical, absolute units: {action key: (T, D)}.
ModelOutput = Mapping[str, Array]


@dataclass(frozen=True)
class Steps:
    """Actions of one inference: any of ee_pose (T, 7), joint_position (T, J); grip (T,)."""

    ee_pose: Array | None = None
    joint_position: Array | None = None
    grip: Array | None = None

    def __len__(self) -> int:
        return next(
            len(values)
            for values in (self.ee_pose, self.joint_position, self.grip)
            if values is not None
        )


@dataclass(frozen=True)
class Feature:
    """One column of a dataset: its key, its size and the names of its numbers."""

    key: str
    names: tuple[str, ...]

    @property
    def size(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Features:
    """What a codec reads and writes, in order."""

    state: tuple[Feature, ...]
    action: tuple[Feature, ...]
    video: Mapping[str, str] = field(default_factory=dict)
    """Video key of the dataset -> camera name of the robot file."""
    language: str = "annotation.language.language_instruction"
