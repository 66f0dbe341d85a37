"""What a trial of an evaluation left beside its film, for plots and for chunks over the film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.data.review.card import REMEDY
from groot_ros.demo.trial_record import FORMAT
from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.signals.signals import ARM, EE_POSE, JOINT_POSITION
from groot_ros.viewer.carried_camera import carried_pixels
from groot_ros.viewer.plots import ChunkLines, Line, Plot, frame_times_s, key_plots, make_lines
from groot_ros.viewer.subject import Json

COLUMNS = {spec.name: spec.columns for spec in ARM}


@dataclass(frozen=True, kw_only=True)
class RunTrial:
    """Plots of what was commanded and measured with the chunks, and the chunks in the film."""

    seconds: float
    plots: Sequence[Plot]
    overlay: Json
    """`views` as `write_trial` has them, of cameras that move with `frames`, the newest chunk's
    pixels at every frame; `chunks` with `published_s`, `times_s`, `pixels` by camera and whether
    each step is `closing`."""

    @property
    def is_drawn(self) -> bool:
        """Whether any chunk has pixels, or there is none at all."""
        chunks = self.overlay["chunks"]
        return not chunks or any(chunk["pixels"] for chunk in chunks)


def read_trial(path: Path, fps: float) -> RunTrial:
    """A trial as `write_trial` writes it, shown at `fps` frames a second; UserError otherwise."""
    content = read_json(path, REMEDY)
    try:
        if content["format"] != FORMAT:
            raise UserError(f"{path} has format {content['format']}, expected {FORMAT}: {REMEDY}")
        # Records of before did not name the joints.
        columns = {**COLUMNS, JOINT_POSITION.name: tuple(map(str, content.get("joints", ())))}
        plots = [
            plot
            for name in _names(content)
            for plot in _plots(name, content, columns.get(name, ()))
        ]
        seconds = max([times[-1] for plot in plots if (times := plot.times_s)], default=0.0)
        hand = _track(content["measured"].get(EE_POSE.name))
        times_s = frame_times_s(frame_count(seconds, fps), fps)
        overlay = {
            "views": [
                {
                    "camera": str(view["camera"]),
                    "place": _numbers(view["place"], 4).tolist(),
                    "part": _numbers(view["part"], 4).tolist(),
                    "frames": carried_pixels(view, hand, content["chunks"], times_s)
                    if "mount" in view
                    else None,
                }
                for view in content["views"]
            ],
            "chunks": [_drawn(chunk) for chunk in content["chunks"]],
        }
    except UserError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is no record of a trial ({error!r}): {REMEDY}") from None
    return RunTrial(seconds=seconds, plots=plots, overlay=overlay)


def frame_count(seconds: float, fps: float) -> int:
    """How many frames of the page a trial lasts."""
    return round(seconds * fps) + 1


def _numbers(values: Any, count: int) -> NDArray[np.float64]:
    return np.asarray(values, dtype=np.float64).reshape(count)


def _names(content: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*content["measured"], *content["commanded"]]))


def _plots(name: str, content: Mapping[str, Any], columns: Sequence[str]) -> list[Plot]:
    """A signal measured, commanded (as an action) and as the chunks have it."""
    states, commands = (_track(content[kind].get(name)) for kind in ("measured", "commanded"))
    times_s = np.unique(np.concatenate([states[0], commands[0]]))
    lines: list[Line] = []
    for (known_s, values), is_action in ((states, False), (commands, True)):
        if len(known_s):
            held = _held(known_s, values, times_s)
            lines += make_lines(_names_of(columns, values), held, is_action)
    chunks = [
        ChunkLines(
            published_s=float(chunk["published_s"]),
            times_s=_times_s(chunk),
            lines=make_lines(_names_of(columns, values), values),
        )
        for chunk in content["chunks"]
        if name in chunk["signals"]
        for values in [_rows(chunk["signals"][name])]
    ]
    return list(key_plots(name, lines, times_s.tolist(), chunks))


def _track(track: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (T,) and values (T, D)."""
    if track is None:
        return np.empty(0), np.empty((0, 0))
    values = _rows(track["values"])
    return _numbers(track["times_s"], len(values)), values


def _rows(values: Any) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    return found.reshape(len(found), -1)


def _names_of(columns: Sequence[str], values: NDArray[np.float64]) -> Sequence[str]:
    count = values.shape[1]
    return columns if len(columns) == count else [str(number + 1) for number in range(count)]


def _held(
    known_s: NDArray[np.float64], values: NDArray[np.float64], times_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The newest values at times (N,), NaN before the first and behind the last one."""
    newest = np.searchsorted(known_s, times_s, side="right") - 1
    found = values[np.maximum(newest, 0)]
    found[(newest < 0) | (times_s > known_s[-1])] = np.nan
    return found


def _times_s(chunk: Mapping[str, Any]) -> list[float]:
    steps = len(next(iter(chunk["signals"].values())))
    return [float(chunk["stamp_s"]) + step * float(chunk["step_s"]) for step in range(steps)]


def _drawn(chunk: Mapping[str, Any]) -> Json:
    times_s = _times_s(chunk)
    grips = chunk["signals"].get("grip")
    closing = _rows(grips)[:, 0] > 0.5 if grips else np.zeros(len(times_s), bool)
    return {
        "published_s": float(chunk["published_s"]),
        "times_s": times_s,
        "pixels": chunk["pixels"],
        "closing": closing.tolist(),
    }
