"""Pictures -> patches of the vision tower: GR00T's own part and Qwen3-VL's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol

import torch
import torch.nn.functional as F
from msgspec import Meta
from torch import Tensor

from groot_ros.errors import UserError
from groot_ros.files.typed import (
    Finite,
    KeyPath,
    OpenSection,
    Positive,
    number,
    numbers,
    typed,
    whole,
)
from groot_ros.model.processing.resize import resize_antialias, resize_area

# Of a picture, in pixels: 16 times a full HD one.
LARGEST_EDGE = 1 << 13


Edge = Annotated[int, whole(1, LARGEST_EDGE)]
Area = Annotated[int, whole(1, LARGEST_EDGE**2)]
Size = Annotated[tuple[Edge, ...], Meta(min_length=2, max_length=2)]
"""Height and width."""


class CropKeys(OpenSection, frozen=True, kw_only=True):
    """What `processor_kwargs` say of pictures; see CropConfig."""

    shortest_image_edge: Edge | None = None
    crop_fraction: Annotated[float, number("shares", 0.01, 1.0)] | None = None
    use_albumentations: bool = False
    image_target_size: Size | None = None
    image_crop_size: Size | None = None
    letter_box_transform: bool = False
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"


class BudgetKeys(OpenSection, frozen=True, kw_only=True):
    """The fewest and the most pixels of a picture."""

    shortest_edge: Area
    longest_edge: Area


class PatchKeys(OpenSection, frozen=True, kw_only=True):
    """`preprocessor_config.json`; see PatchConfig."""

    patch_size: Annotated[int, whole(1, 256)]
    temporal_patch_size: Annotated[int, whole(1, 16)]
    merge_size: Annotated[int, whole(1, 16)]
    size: BudgetKeys
    image_mean: Annotated[tuple[Finite, ...], numbers("shares of white", 3)]
    image_std: Annotated[tuple[Positive, ...], numbers("shares of white", 3)]


@dataclass(frozen=True)
class CropConfig:
    """GR00T's own part: sizes in pixels, all from `processor_config.json`.

    With albumentations: shortest edge to `shortest_edge` (or the whole picture to `target_size`
    when that is None), centre crop of `crop_fraction`, and the resize again. Without it:
    torchvision's resize to `target_size`, centre crop of `crop_size`, resize again; its
    `interpolation` is bilinear as NVIDIA's or bicubic as LeRobot's.
    """

    target_size: tuple[int, int] | None
    crop_size: tuple[int, int] | None
    shortest_edge: int | None
    crop_fraction: float | None
    albumentations: bool
    letter_box: bool
    interpolation: str = "bilinear"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CropConfig:
        """Read `processor_kwargs`; UserError when sizes are missing."""
        # Absent is their default, null is none.
        given = {"shortest_image_edge": 256, "crop_fraction": 0.95, **values}
        keys = typed(given, CropKeys, KeyPath("processor_config.json", "processor_kwargs"))
        target, crop = _size(keys.image_target_size), _size(keys.image_crop_size)
        edge, fraction = keys.shortest_image_edge, keys.crop_fraction
        needs_sizes = not keys.use_albumentations or edge is None or fraction is None
        if needs_sizes and (target is None or crop is None):
            raise UserError(
                "processor_config.json has no image_target_size and image_crop_size, which its "
                "image pipeline needs: get the checkpoint's own file"
            )
        return cls(
            target_size=target,
            crop_size=crop,
            shortest_edge=edge,
            crop_fraction=fraction,
            albumentations=keys.use_albumentations,
            letter_box=keys.letter_box_transform,
            interpolation=keys.interpolation,
        )

    def __call__(self, frames: Tensor, place: tuple[float, float] = (0.5, 0.5)) -> Tensor:
        """Resize and crop frames (N, H, W, 3) uint8.

        `place` is where the crop lies between top and bottom, left and right: 0 to 1.
        """
        if self.letter_box:
            frames = _letter_box(frames)
        if not self.albumentations:
            assert self.target_size is not None and self.crop_size is not None
            frames = resize_antialias(frames, *self.target_size, mode=self.interpolation)
            frames = _crop(frames, *self.crop_size, place, rounding=round)
            return resize_antialias(frames, *self.target_size, mode=self.interpolation)
        frames = self._resize(frames)
        height, width = (max(1, int(size * self._fraction)) for size in frames.shape[1:3])
        return self._resize(_crop(frames, height, width, place, rounding=math.floor))

    @property
    def _fraction(self) -> float:
        if self.crop_fraction is not None:
            return self.crop_fraction
        assert self.target_size is not None and self.crop_size is not None
        return self.crop_size[0] / self.target_size[0]

    def _resize(self, frames: Tensor) -> Tensor:
        if self.shortest_edge is None:
            assert self.target_size is not None
            return resize_area(frames, *self.target_size)
        height, width = frames.shape[1:3]
        scale = self.shortest_edge / min(height, width)
        return resize_area(frames, round(height * scale), round(width * scale))


def _size(size: tuple[int, ...] | None) -> tuple[int, int] | None:
    return (size[0], size[1]) if size else None


def _crop(
    frames: Tensor, height: int, width: int, place: tuple[float, float], rounding: Any
) -> Tensor:
    top = int(rounding((frames.shape[1] - height) * place[0]))
    left = int(rounding((frames.shape[2] - width) * place[1]))
    return frames[:, top : top + height, left : left + width]


def _letter_box(frames: Tensor) -> Tensor:
    height, width = frames.shape[1:3]
    vertical, horizontal = max(width - height, 0), max(height - width, 0)
    left, top = horizontal // 2, vertical // 2
    return F.pad(frames, (0, 0, left, horizontal - left, top, vertical - top))


class Patches(Protocol):
    """The backbone's part: pictures of any size to patches, a block of which is a token."""

    @property
    def patch_size(self) -> int: ...
    @property
    def merge_size(self) -> int: ...
    def tokens(self, grid: tuple[int, int]) -> int:
        """Tokens that the language model sees of an image with this patch grid."""

    def fit(self, frames: Tensor) -> Tensor:
        """Frames (N, H, W, 3) uint8 resized to whole blocks of patches."""

    def __call__(self, frames: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Frames (N, H, W, 3) uint8 -> patches (N P, patch numbers) float32 and their grid."""


@dataclass(frozen=True)
class PatchConfig:
    """Qwen's part: whole patches within a pixel budget, normalised, in merge-block order."""

    patch_size: int
    temporal_patch_size: int
    merge_size: int
    min_pixels: int
    max_pixels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PatchConfig:
        """Read `preprocessor_config.json`; UserError names a key that is missing or wrong."""
        keys = typed(values, PatchKeys, KeyPath("preprocessor_config.json"))
        return cls(
            patch_size=keys.patch_size,
            temporal_patch_size=keys.temporal_patch_size,
            merge_size=keys.merge_size,
            min_pixels=keys.size.shortest_edge,
            max_pixels=keys.size.longest_edge,
            mean=keys.image_mean,
            std=keys.image_std,
        )

    def fitted_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in whole merge blocks, aspect kept, within the pixel budget."""
        block = self.patch_size * self.merge_size
        rows, columns = round(height / block), round(width / block)
        area = rows * columns * block * block
        if area > self.max_pixels:
            shrink = math.sqrt(height * width / self.max_pixels)
            rows = max(1, math.floor(height / shrink / block))
            columns = max(1, math.floor(width / shrink / block))
        elif area < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (height * width))
            rows, columns = math.ceil(height * grow / block), math.ceil(width * grow / block)
        return rows * block, columns * block

    def tokens(self, grid: tuple[int, int]) -> int:
        """Tokens that the language model sees of an image with this patch grid."""
        return grid[0] * grid[1] // self.merge_size**2

    def fit(self, frames: Tensor) -> Tensor:
        """Frames (N, H, W, 3) uint8 resized to whole merge blocks within the pixel budget."""
        return resize_antialias(frames, *self.fitted_size(*frames.shape[1:3]), mode="bicubic")

    def __call__(self, frames: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Frames (N, H, W, 3) uint8 -> patches (N P, patch numbers) float32 and their grid.

        A patch holds channel, time, row, column; time repeats the still picture.
        """
        frames = self.fit(frames)
        mean = torch.tensor(self.mean, device=frames.device) * 255
        std = torch.tensor(self.std, device=frames.device) * 255
        pixels = frames.float().sub_(mean).div_(std)
        patch, merge = self.patch_size, self.merge_size
        grid = frames.shape[1] // patch, frames.shape[2] // patch
        blocks = pixels.unflatten(2, (grid[1] // merge, merge, patch))
        blocks = blocks.unflatten(1, (grid[0] // merge, merge, patch))
        blocks = blocks.permute(0, 1, 4, 2, 5, 7, 3, 6).unsqueeze(6)
        blocks = blocks.expand(*(-1,) * 6, self.temporal_patch_size, -1, -1)
        return blocks.flatten(5).flatten(0, 4), grid


@dataclass(frozen=True)
class ImagePipeline:
    """Both parts, over pictures of any sizes."""

    crop: CropConfig
    patches: Patches

    def __call__(self, frames: list[Tensor]) -> tuple[Tensor, tuple[tuple[int, int], ...]]:
        """Frames (H, W, 3) uint8 -> patches of all, in order, and each one's grid."""
        if len({frame.shape for frame in frames}) == 1:
            patches, grid = self.patches(self.crop(torch.stack(frames)))
            return patches, (grid,) * len(frames)
        parts = [self.patches(self.crop(frame[None])) for frame in frames]
        return torch.cat([patches for patches, _ in parts]), tuple(grid for _, grid in parts)
