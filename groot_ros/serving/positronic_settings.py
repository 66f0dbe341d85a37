"""Session parameters: what a client may change of the codec, for its session alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from groot_ros.errors import UserError
from groot_ros.observation.types import Array, Observation
from groot_ros.signals.kinds import CLOSURE
from groot_ros.signals.signals import Signals

HIGHEST_RATE_HZ = 1000.0


@dataclass(frozen=True)
class Settings:
    """The parameters of Positronic's codecs that have a meaning for a served checkpoint."""

    fps: float | None = None
    """Steps per second, Hz; None takes the checkpoint's."""
    horizon: float | None = None
    """Actions that begin later than this, in s, are left out."""
    binarize_grip: bool = False
    """Whether the gripper is told to open or close fully."""
    flip_grip: bool = False
    """For checkpoints whose gripper is 1 when open."""

    @classmethod
    def from_query(cls, query: str) -> Settings:
        """Parameters of a URL, as JSON literals; UserError names what is not one of them."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
        except ValueError as error:
            raise UserError(f"the session parameters cannot be read: {error}") from None
        counts = Counter(key for key, _ in pairs)
        if twice := [key for key, count in counts.items() if count > 1]:
            raise UserError(f"the session parameters {', '.join(twice)} are given more than once")
        values: dict[str, Any] = {}
        for key, text in pairs:
            if key not in _PARAMETERS:
                raise UserError(
                    f"there is no session parameter {key!r:.100}, expected one of "
                    f"{', '.join(_PARAMETERS)}; the path names the model"
                )
            field, read = _PARAMETERS[key]
            values[field] = read(key, _literal(text))
        return cls(**values)

    def before(self, observation: Observation) -> Observation:
        """The observation as the checkpoint means it."""
        return replace(observation, signals=self._flipped(observation.signals))

    def after(self, steps: Signals, step_s: float) -> Signals:
        """The steps as the client means them, none that begins after the horizon."""
        steps = self._flipped(steps)
        if self.binarize_grip:
            steps = _closures(steps, lambda closure: (closure > 0.5).astype(np.float64))
        if self.horizon is None:
            return steps
        return steps.at(slice(int(np.sum(np.arange(steps.steps) * step_s < self.horizon))))

    def _flipped(self, signals: Signals) -> Signals:
        return _closures(signals, lambda closure: 1.0 - closure) if self.flip_grip else signals


def _closures(signals: Signals, change: Callable[[Array], Array]) -> Signals:
    return signals.map(lambda spec, array: change(array) if spec.kind == CLOSURE else array)


def _literal(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _rate(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"session parameter {key} is {value!r:.60}, expected a number of Hz")
    if not 0 < value <= HIGHEST_RATE_HZ:
        raise UserError(f"session parameter {key} is {value}, expected up to {HIGHEST_RATE_HZ:g}")
    return float(value)


def _seconds(key: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise UserError(f"session parameter {key} is {value!r:.60}, expected seconds above 0")
    return float(value)


def _switch(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UserError(f"session parameter {key} is {value!r:.60}, expected true or false")
    return value


def _grips(key: str, value: Any) -> bool:
    """Positronic names the signals to make binary; there is one gripper here."""
    if value in (None, [], ["grip"], ["target_grip"]):
        return bool(value)
    raise UserError(f'session parameter {key} is {value!r:.60}, expected ["grip"] or null')


_PARAMETERS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "codec.fps": ("fps", _rate),
    "codec.horizon": ("horizon", _seconds),
    "codec.binarize_grip": ("binarize_grip", _grips),
    "codec.flip_grip": ("flip_grip", _switch),
    # As protocol 3 names them.
    "fps": ("fps", _rate),
    "horizon_sec": ("horizon", _seconds),
}
