"""What a representation is, and how one is found by its name."""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from groot_ros.share import module_names
from groot_ros.signals.kinds import Kind
from groot_ros.signals.signals import SignalSpec

Array = NDArray[np.float64]
BASE = "base"
"""This file, which is no representation."""
ANGLES = {"rad": 1.0, "deg": math.degrees(1.0)}
"""Units of columns in rad."""


@dataclass(frozen=True)
class Representation(ABC):
    """Two directions between a signal's values and columns of numbers; it has no state.

    The class of the module `xyz_quat` is `XyzQuat`, and `as: xyz_quat` names it in a codec file,
    whose entry may give its fields as options.
    """

    kinds: ClassVar[tuple[Kind, ...]]
    """Those whose signals it takes."""
    is_default: ClassVar[bool] = False
    """Whether a signal of these kinds is so where the file does not say."""
    units: ClassVar[Mapping[str, float]] = {}
    """Units that a file may ask for, and how many of them are one of ours."""
    measured: ClassVar[slice] = slice(None)
    """The columns that these units are of."""

    def names(self, signal: SignalSpec) -> tuple[str, ...]:
        """Names of the columns of a signal."""
        return signal.columns

    @abstractmethod
    def columns(self, values: Array) -> Array:
        """Columns (..., D) of values."""

    @abstractmethod
    def values(self, columns: Array) -> Array:
        """The inverse of `columns`: values, as the kind of the signal has them, of (..., D)."""


@cache
def representation_names() -> tuple[str, ...]:
    """Names of all representations."""
    return tuple(name for name in module_names(__package__, "[a-z]*") if name != BASE)


def representation_class(name: str) -> type[Representation]:
    """The representation of a name out of `representation_names`."""
    module = importlib.import_module(f"{__package__}.{name}")
    found: type[Representation] = getattr(module, "".join(map(str.capitalize, name.split("_"))))
    assert issubclass(found, Representation)
    return found


def default_name(kind: Kind) -> str | None:
    """The representation of a kind of signals where the file names none; None: it must."""
    for name in representation_names():
        form = representation_class(name)
        if form.is_default and kind in form.kinds:
            return name
    return None
