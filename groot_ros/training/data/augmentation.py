"""Random changes of training pictures; all views of a sample are changed alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError

Picture = NDArray[np.uint8]
# Weights of red, green and blue in the grey of ITU-R BT.601.
GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# OpenCV's hue of uint8 pictures is in steps of two degrees.
HUE_STEPS = 180


@dataclass(frozen=True)
class ColorJitter:
    """How far colours may change: a factor of 1 +- the value, for hue turns of +- the value."""

    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0

    @classmethod
    def parse(cls, text: str) -> ColorJitter:
        """Read `brightness 0.3 contrast 0.4 saturation 0.5 hue 0.08`, any of them."""
        words = text.split()
        known = {option.name for option in fields(cls)}
        try:
            values = {name: float(value) for name, value in zip(*[iter(words)] * 2, strict=True)}
        except ValueError:
            values = {text: math.nan}
        highest = {"hue": 0.5}
        if not all(n in known and 0 <= v <= highest.get(n, 1.0) for n, v in values.items()):
            raise UserError(
                f"color_jitter_params is {text!r}, expected names of {sorted(known)}, each with a "
                "number from 0 to 1 (hue: to 0.5), such as brightness 0.3 contrast 0.4"
            )
        return cls(**values)


def join_words(values: Mapping[str, float]) -> str:
    """Jitter parameters of a YAML mapping, as they are on the command line."""
    return " ".join(f"{name} {value}" for name, value in values.items())


@dataclass(frozen=True)
class Change:
    """What is done to all pictures of a sample; factors, turns of hue, degrees."""

    place: tuple[float, float] = (0.5, 0.5)
    angle_deg: float = 0.0
    brightness: float = 1.0
    contrast: float = 1.0
    saturation: float = 1.0
    hue: float = 0.0

    @property
    def is_felt(self) -> bool:
        """Whether a picture differs after it, its crop apart."""
        return replace(self, place=(0.5, 0.5)) != Change()

    def recolor(self, picture: Picture) -> Picture:
        """Change colours: brightness, contrast, saturation, hue, in this order."""
        changed = picture.astype(np.float32) * self.brightness
        mean = float((changed.clip(0, 255) @ GREY).mean())
        changed = (changed.clip(0, 255) - mean) * self.contrast + mean
        grey = (changed.clip(0, 255) @ GREY)[..., None]
        changed = (changed.clip(0, 255) - grey) * self.saturation + grey
        result = changed.clip(0, 255).round().astype(np.uint8)
        shift = round(self.hue * HUE_STEPS)
        if shift == 0:
            return result
        hsv = cv2.cvtColor(result, cv2.COLOR_RGB2HSV)
        hsv[..., 0] = (hsv[..., 0].astype(int) + shift) % HUE_STEPS
        return np.asarray(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB), dtype=np.uint8)

    def rotate(self, picture: Picture) -> Picture:
        """Rotate about the middle; what comes in from outside is mirrored."""
        if not self.angle_deg:
            return picture
        height, width = picture.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), self.angle_deg, 1.0)
        turned = cv2.warpAffine(
            picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101
        )
        return np.asarray(turned, dtype=np.uint8)

    def __call__(self, picture: Picture) -> Picture:
        """A picture (H, W, 3), cropped already, rotated and in other colours."""
        return self.recolor(self.rotate(picture))


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a sample's pictures."""

    random_crop: bool = False
    rotation_deg: float = 0.0
    jitter: ColorJitter = ColorJitter()

    @property
    def is_off(self) -> bool:
        """Whether pictures stay unchanged."""
        return self == Augmentation()

    def draw(self, rng: np.random.Generator) -> Change:
        """A change, evenly drawn within the limits."""
        place = rng.random(2) if self.random_crop else (0.5, 0.5)
        turn = rng.uniform(-1, 1, 5)
        jitter = self.jitter
        return Change(
            place=(float(place[0]), float(place[1])),
            angle_deg=float(turn[0]) * self.rotation_deg,
            brightness=1 + float(turn[1]) * jitter.brightness,
            contrast=1 + float(turn[2]) * jitter.contrast,
            saturation=1 + float(turn[3]) * jitter.saturation,
            hue=float(turn[4]) * jitter.hue,
        )
