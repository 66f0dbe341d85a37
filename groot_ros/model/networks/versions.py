"""The versions of GR00T that this package runs, by the `model_type` of `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groot_ros.errors import UserError
from groot_ros.model.networks.n16 import N16
from groot_ros.model.networks.n17 import N17
from groot_ros.model.networks.version import Version

VERSIONS: dict[str, Version] = {version.model_type: version for version in (N16, N17)}
OLDER = {"gr00t_n1": "N1", "gr00t_n1_5": "N1.5", "GR00T_N1_5": "N1.5"}


def find_version(raw: Mapping[str, Any]) -> Version:
    """The version of a `config.json`; UserError when it is another one or none."""
    found = raw.get("model_type")
    if not isinstance(found, str):
        found = None
    if found in VERSIONS:
        return VERSIONS[found]
    known = " or ".join(f"{v.name} ({v.model_type!r})" for v in VERSIONS.values())
    if found in OLDER:
        raise UserError(
            f"the checkpoint is GR00T {OLDER[found]} (model_type {found!r}), expected {known}: "
            "use a checkpoint of these"
        )
    raise UserError(
        f"config.json has model_type {found!r}, expected {known}: this is not a GR00T checkpoint"
    )


def named_version(name: str) -> Version:
    """The version of a name such as N1.6; UserError lists the right ones."""
    for version in VERSIONS.values():
        if version.name == name:
            return version
    names = ", ".join(version.name for version in VERSIONS.values())
    raise UserError(f"version {name!r} of GR00T is unknown, expected one of {names}")
