"""A calibration as a picture: what was compared, at which lag it matches best, and the fit."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from groot_ros.calibration.calibrate import Calibration
from groot_ros.calibration.gripper import Closing
from groot_ros.calibration.latency import Shown
from groot_ros.calibration.matching import Matched
from groot_ros.calibration.response import CONSTANTS_S, DELAYS_S, Response
from groot_ros.demo.figure_file import save

SEEN, TOLD, PEAK = "#222222", "#d94801", "#cb181d"
WIDTH_IN, ROW_IN = 11.0, 2.2
# So much of a recording is drawn.
SHOWN_S = 8.0

Draw = Callable[[Axes, Axes], None]


def write_calibration_plot(calibration: Calibration, path: Path) -> None:
    """Write a picture with a row for each estimate: left the search, right the fit."""
    rows = _rows(calibration)
    figure = Figure(figsize=(WIDTH_IN, ROW_IN * max(len(rows), 1)), layout="constrained")
    if rows:
        axes = figure.subplots(len(rows), 2, squeeze=False, width_ratios=(1, 2))
        for (search, fit), draw in zip(axes, rows, strict=True):
            draw(search, fit)
    else:
        figure.suptitle("nothing could be estimated")
    save(figure, path)


def _rows(calibration: Calibration) -> list[Draw]:
    rows: list[Draw] = [
        partial(_draw_camera, name=name, matched=matched, shown=shown)
        for name, (matched, shown) in calibration.cameras.items()
    ]
    if calibration.response:
        rows.append(partial(_draw_response, response=calibration.response))
    if calibration.closing:
        rows.append(partial(_draw_closing, closing=calibration.closing))
    return rows


def _draw_camera(search: Axes, fit: Axes, name: str, matched: Matched, shown: Shown) -> None:
    _draw_match(search, matched, f"pictures of {name} later than states")
    _draw_fit(fit, shown, f"change of {name} [grey levels/s]", "from the speeds of the hand")


def _draw_match(axis: Axes, matched: Matched, what: str) -> None:
    estimate = matched.estimate
    axis.plot(1e3 * matched.lags_s, matched.match, color=SEEN, linewidth=1.2)
    axis.axvspan(1e3 * estimate.low_s, 1e3 * estimate.high_s, color=PEAK, alpha=0.2)
    axis.axvline(1e3 * estimate.value_s, color=PEAK, linewidth=1.2)
    axis.set_title(str(estimate), fontsize=9)
    axis.set_xlabel(f"{what} [ms]", fontsize=8)
    axis.set_ylabel("match")
    axis.grid(alpha=0.3)


def _draw_closing(search: Axes, fit: Axes, closing: Closing) -> None:
    search.axis("off")
    text = f"{closing.count} closings\nopen to closed {closing.stroke}"
    search.text(0.0, 0.5, text, va="center")
    _draw_fit(fit, closing.shown, "gripper closure", "constant speed")


def _draw_response(search: Axes, fit: Axes, response: Response) -> None:
    mesh = search.pcolormesh(
        1e3 * CONSTANTS_S, 1e3 * DELAYS_S, response.matches, vmin=0.0, vmax=1.0
    )
    search.figure.colorbar(mesh, ax=search, label="match")
    delay, constant = response.delay, response.time_constant
    search.plot(1e3 * constant.value_s, 1e3 * delay.value_s, "o", color=PEAK)
    search.set_xlabel("time constant [ms]", fontsize=8)
    search.set_ylabel("delay [ms]")
    search.set_title(f"together {response.total}", fontsize=9)
    _draw_fit(fit, response.shown, "position [m or rad]", "commands, late and lagging")


def _draw_fit(axis: Axes, shown: Shown, seen: str, told: str) -> None:
    part = shown.times_s <= shown.times_s[0] + SHOWN_S
    times_s = shown.times_s[part]
    axis.plot(times_s, shown.seen[part], color=SEEN, linewidth=1.2, label="measured")
    axis.plot(times_s, shown.told[part], color=TOLD, linewidth=1.2, ls="--", label=told)
    axis.set_ylabel(seen, fontsize=8)
    axis.set_xlabel("time [s]", fontsize=8)
    axis.legend(loc="upper right", fontsize=8)
    axis.grid(alpha=0.3)
