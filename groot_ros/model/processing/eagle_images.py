"""Pictures for N1.6's vision tower, as NVIDIA's Eagle processor makes them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from groot_ros.errors import UserError
from groot_ros.model.processing.resize import resize_pillow

# Limits of Eagle's `smart_resize`: pixels in blocks, an edge, the longer edge to the shorter.
MIN_BLOCKS, MAX_BLOCKS = 4, 4096
LONGEST_EDGE = 7000
LARGEST_RATIO = 200


@dataclass(frozen=True)
class EaglePatches:
    """Whole blocks of `merge_size` x `merge_size` patches, to [-1, 1], row by row."""

    patch_size: int
    merge_size: int

    def fitted_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in whole blocks, aspect kept, within the limits; UserError for a
        picture that is too long."""
        if max(height, width) > LARGEST_RATIO * min(height, width):
            raise UserError(
                f"a picture of {width}x{height} is too long for GR00T N1.6, expected edges of at "
                f"most 1 to {LARGEST_RATIO}: crop it"
            )
        block = self.patch_size * self.merge_size
        rows, columns = (
            min(max(block, round(size / block) * block), LONGEST_EDGE) for size in (height, width)
        )
        if rows * columns > MAX_BLOCKS * block**2:
            shrink = math.sqrt(rows * columns / (MAX_BLOCKS * block**2))
            rows, columns = (int(size / shrink / block) * block for size in (rows, columns))
        elif rows * columns < MIN_BLOCKS * block**2:
            grow = math.sqrt(MIN_BLOCKS * block**2 / (height * width))
            rows, columns = (math.ceil(size * grow / block) * block for size in (height, width))
        return rows, columns

    def tokens(self, grid: tuple[int, int]) -> int:
        """Tokens that the language model sees of an image with this patch grid."""
        return grid[0] * grid[1] // self.merge_size**2

    def fit(self, frames: Tensor) -> Tensor:
        """Frames (N, H, W, 3) uint8 resized to whole blocks."""
        return resize_pillow(frames, *self.fitted_size(*frames.shape[1:3]))

    def __call__(self, frames: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Frames (N, H, W, 3) uint8 -> patches (N P, patch numbers) float32 and their grid.

        A patch holds row, column, channel.
        """
        frames = self.fit(frames)
        patch = self.patch_size
        grid = frames.shape[1] // patch, frames.shape[2] // patch
        pixels = (frames.float() - 127.5) / 127.5
        patches = pixels.unflatten(2, (grid[1], patch)).unflatten(1, (grid[0], patch))
        return patches.transpose(2, 3).flatten(3).flatten(0, 2), grid
