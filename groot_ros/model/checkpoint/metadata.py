"""What `groot_ros.json` of a checkpoint says; no torch, which finding one does not need."""

from __future__ import annotations

from typing import Annotated, Any

from groot_ros.files.typed import OpenSection, Text, number

# The embodiment that was trained, or what it says of each of several.
EMBODIMENT = "embodiment"
EMBODIMENTS = "embodiments"
DATASETS = "datasets"
"""Names or addresses of what it was trained on."""


class MetadataEntry(OpenSection, frozen=True, kw_only=True):
    """What `groot_ros.json` of a checkpoint says of an embodiment."""

    variant: Text | None = None
    codec: Text | None = None
    robot: Text | None = None
    base_frame: Text | None = None
    embodiment: Text | None = None
    joints: tuple[str, ...] | None = None
    action_rate_hz: Annotated[float, number("Hz", 0.1, 1000.0)] | None = None
    envelope: dict[str, Any] | None = None


class MetadataFile(MetadataEntry, frozen=True, kw_only=True):
    """The `groot_ros.json` of a checkpoint, which may be of several embodiments."""

    embodiments: dict[str, MetadataEntry] | None = None
    datasets: tuple[str, ...] = ()
