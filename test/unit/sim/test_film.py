from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from groot_ros.demo.film import write_film
from groot_ros.demo.trace import Picture, Trace


def test_pictures_at_one_time_or_late_are_left_out(tmp_path: Path) -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    times_ms = [0.0, 66.0, 66.2, 60.0, 133.0, *(200.0 + 66.0 * i for i in range(40))]
    pictures = [Picture(round(1e9 + 1e6 * time), image) for time in times_ms]
    write_film(Trace("scripted", "pick", {"exterior": pictures}), tmp_path / "film.mp4")
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == len(times_ms) - 2
