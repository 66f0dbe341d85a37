"""Pictures from seeds: colours in blocks with noise over them, as sharp as pictures get."""

from __future__ import annotations

import numpy as np

SIZES = [(224, 224), (480, 640), (720, 1280), (256, 256), (240, 320), (640, 480), (180, 320)]


def picture(height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8."""
    generator = np.random.default_rng([height, width])
    blocks = generator.integers(0, 256, (height // 20 + 1, width // 20 + 1, 3))
    enlarged = blocks.repeat(20, axis=0).repeat(20, axis=1)[:height, :width]
    noisy = enlarged + generator.integers(-20, 21, enlarged.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
