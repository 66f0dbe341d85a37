"""The last picture of every trial on one page, framed green where it succeeded, red where not."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from groot_ros.sim.trials import Outcome

Image = NDArray[np.uint8]

COLUMNS = 10
WIDTH, HEIGHT, FRAME, CAPTION, GAP, TITLE = 200, 120, 5, 32, 6, 44
# Above this share of the height there is only sky.
HORIZON = 0.2
SUCCEEDED, FAILED, PAPER, INK = (46, 160, 67), (207, 34, 46), (250, 250, 250), (30, 33, 40)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def write_contact_sheet(title: str, outcomes: Sequence[Outcome], path: Path) -> None:
    """Write a PNG of the outcomes that have a picture, in their order."""
    cells = [_cell(outcome) for outcome in outcomes if outcome.picture is not None]
    if not cells:
        return
    columns = min(COLUMNS, len(cells))
    height, width = cells[0].shape[:2]
    rows = ceil(len(cells) / columns)
    page = np.full(
        (TITLE + rows * (height + GAP), GAP + columns * (width + GAP), 3), PAPER, np.uint8
    )
    cv2.putText(page, title, (GAP, TITLE - 15), FONT, 0.7, INK, 1, cv2.LINE_AA)
    for index, cell in enumerate(cells):
        top = TITLE + index // columns * (height + GAP)
        left = GAP + index % columns * (width + GAP)
        page[top : top + height, left : left + width] = cell
    part = path.with_suffix(".part.png")
    cv2.imwrite(str(part), page[..., ::-1])
    part.replace(path)


def _cell(outcome: Outcome) -> Image:
    assert outcome.picture is not None
    color = SUCCEEDED if outcome.succeeded else FAILED
    height, width = HEIGHT + 2 * FRAME + CAPTION, WIDTH + 2 * FRAME
    cell = np.full((height, width, 3), color, np.uint8)
    table = outcome.picture[round(HORIZON * len(outcome.picture)) :]
    picture = cv2.resize(table, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    cell[FRAME : FRAME + HEIGHT, FRAME : FRAME + WIDTH] = picture
    result = f"{outcome.duration_s:.1f} s" if outcome.succeeded else outcome.failure
    for line, text in enumerate((f"{outcome.scene}  {outcome.instruction}", result)):
        place = (FRAME, height - CAPTION + 8 + 15 * line)
        cv2.putText(cell, text, place, FONT, 0.36, (255, 255, 255), 1, cv2.LINE_AA)
    return cell
