"""Where a cube of the simulated scene is, from the exterior picture and the camera's place."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull

from groot_ros.errors import UserError
from groot_ros.observation.types import Image, Observation
from groot_ros.sim.scene import CUBE_COLORS, CUBE_SIZE_M, EXTERIOR_CAMERA

Array = NDArray[np.float64]

CAMERA = "exterior"
# Cosine between the color of a pixel and that of a cube, whatever the shade.
COLOR_MATCH = 0.94
DARKEST = 30.0
# A cube of which less is to be seen is partly hidden and its middle unknown.
VISIBLE_SHARE = 0.85
CUBE_CORNERS = (np.indices((2, 2, 2)).reshape(3, -1).T - 0.5) * CUBE_SIZE_M


class Locator(Protocol):
    """Finds cubes."""

    def __call__(self, observation: Observation, color: str) -> Array | None:
        """Center (3,) of the cube in m in the base frame, None where it cannot be told."""


def locate_in_picture(observation: Observation, color: str) -> Array | None:
    """Center (3,) in m of a cube that lies on the table in full view of the exterior camera; None
    where it is not seen.

    UserError for an observation without that camera's picture.
    """
    picture = observation.images.get(CAMERA)
    if picture is None:
        raise UserError(
            f"no picture of the camera {CAMERA!r}, which the scripted policy looks through: "
            f"cameras found: {sorted(observation.images)}"
        )
    outline = _largest_spot(color_mask(picture, color))
    if outline is None:
        return None
    height, width = outline.shape
    rows, columns = np.nonzero(outline)
    middle = (columns.mean() + 0.5, rows.mean() + 0.5)
    center = EXTERIOR_CAMERA.on_plane(middle, width, height, CUBE_SIZE_M / 2)
    corners = EXTERIOR_CAMERA.project(center + CUBE_CORNERS, width, height)
    # In two dimensions the "volume" of a hull is its area.
    return center if len(rows) >= VISIBLE_SHARE * ConvexHull(corners).volume else None


def color_mask(picture: Image, color: str) -> NDArray[np.bool_]:
    """Pixels (H, W) of a picture (H, W, 3) that have the color of a cube, in light or shade."""
    pixels = picture.astype(np.float32)
    brightness = np.linalg.norm(pixels, axis=-1)
    reference = np.array(CUBE_COLORS[color], dtype=np.float32)
    match = pixels @ (reference / np.linalg.norm(reference))
    return np.asarray((match > COLOR_MATCH * brightness) & (brightness > DARKEST))


def _largest_spot(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    labels, count = ndimage.label(mask)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel())[1:]
    return np.asarray(labels == 1 + int(np.argmax(sizes)))
