"""Chunks in the picture of a camera that moves with the hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.geometry import compose, matrix_to_pose, pose_to_matrix
from groot_ros.signals.signals import EE_POSE
from groot_ros.sim.scene import PinholeCamera

DIGITS = 4
# Pixels far outside of the picture say nothing but where a line leaves it.
FARTHEST = 10.0


def carried_pixels(
    view: Mapping[str, Any],
    hand: tuple[NDArray[np.float64], NDArray[np.float64]],
    chunks: Sequence[Mapping[str, Any]],
    times_s: Sequence[float],
) -> list[list[list[float | None]]]:
    """For each time the pixels (T, 2) of the newest chunk, as shares of the picture.

    The camera is at hand * mount, with `mount` of a view as `write_trial` has it and times (N,)
    and poses (N, 7) of the hand. No pixels where there is no chunk of poses or no hand yet; None
    for what is behind the camera.
    """
    known_s, poses = hand
    if not len(known_s):
        return [[] for _ in times_s]
    mount = pose_to_matrix(np.asarray(view["mount"], dtype=np.float64))
    aspect, fovy_rad = float(view["aspect"]), float(view["fovy_rad"])
    cameras = matrix_to_pose(compose(pose_to_matrix(poses), mount))
    found: list[list[list[float | None]]] = []
    for time_s in times_s:
        chunk = newest_chunk(chunks, time_s)
        now = int(np.searchsorted(known_s, time_s + 1e-6, side="right")) - 1
        if chunk is None or now < 0 or EE_POSE.name not in chunk["signals"]:
            found.append([])
            continue
        places = np.asarray(chunk["signals"][EE_POSE.name], dtype=np.float64)[:, :3]
        camera = PinholeCamera(cameras[now], fovy_rad)
        # A picture as high as 1 whose corner is at 0.
        pixels = camera.project(places, 1, 1) + ((aspect - 1) / 2, 0.0)
        found.append(_shares(pixels / (aspect, 1.0)))
    return found


def newest_chunk(chunks: Sequence[Mapping[str, Any]], time_s: float) -> Mapping[str, Any] | None:
    """The last of those that were published by a time, as the page has it."""
    published = [chunk for chunk in chunks if chunk["published_s"] <= time_s + 1e-6]
    return published[-1] if published else None


def _shares(pixels: NDArray[np.float64]) -> list[list[float | None]]:
    near = np.where(np.abs(pixels) < FARTHEST, np.round(pixels, DIGITS), np.nan)
    return [[value if np.isfinite(value) else None for value in pixel] for pixel in near.tolist()]
