"""Single pictures of films as JPEG, for thumbnails and for films that a browser cannot play."""

from __future__ import annotations

from functools import lru_cache

import cv2

from groot_ros.data.datasets.clips import Clip, Stills
from groot_ros.viewer.subject import Film

THUMBNAIL_PX = 128
# About 20 MB of small pictures.
KEPT = 1024
QUALITY = 85


def film_picture(film: Film, frame: int, width: int = 0) -> bytes:
    """JPEG of an episode's frame, scaled down to `width` where given; UserError when damaged."""
    first = round(film.start_s * film.fps)
    source = film.stills or Clip(film.path, first, film.frames or 0, film.fps)
    return _picture(source, film.path.stat().st_mtime_ns, frame, width)


@lru_cache(KEPT)
def _picture(source: Clip | Stills, _mtime_ns: int, frame: int, width: int) -> bytes:
    picture = cv2.cvtColor(source.picture(frame), cv2.COLOR_RGB2BGR)
    if 0 < width < picture.shape[1]:
        height = max(1, round(width * picture.shape[0] / picture.shape[1]))
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
