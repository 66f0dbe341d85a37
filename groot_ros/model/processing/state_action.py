"""State and actions of one embodiment: normalised, relative, padded, and back."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from groot_ros.errors import UserError
from groot_ros.files.typed import KeyPath, OpenSection, typed, whole
from groot_ros.model.processing.modality import ActionKey, Modality, ModalityConfig
from groot_ros.model.processing.normalization import (
    KeyStatistics,
    MeanStd,
    MinMax,
    Normalizer,
    SinCos,
    key_statistics,
)
from groot_ros.model.processing.relative import to_absolute, to_relative

Array = NDArray[np.float64]
MOST_NUMBERS = 1 << 12
"""Of a state, an action or a horizon, far above any checkpoint's."""


Count = Annotated[int, whole(1, MOST_NUMBERS)]


class ProcessorConfig(OpenSection, frozen=True, kw_only=True):
    """`processor_kwargs` of `processor_config.json`, without the modalities and the images.

    `clip_outliers` is true where older files leave it out.
    """

    max_state_dim: Count
    max_action_dim: Count
    max_action_horizon: Count
    use_percentiles: bool = False
    clip_outliers: bool = True
    use_relative_action: bool = False
    apply_sincos_state_encoding: bool = False
    formalize_language: bool = True
    exclude_state: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ProcessorConfig:
        """Read `processor_kwargs`; UserError names a key that is missing or wrong."""
        return typed(values, cls, KeyPath("processor_config.json", "processor_kwargs"))


class StateActionProcessor:
    """Normalisation and relative actions of one embodiment."""

    def __init__(
        self,
        config: ProcessorConfig,
        modality_config: ModalityConfig,
        statistics: Mapping[str, Any],
        embodiment: str,
        slot: int,
    ) -> None:
        self.config = config
        self.statistics = statistics
        find = functools.partial(key_statistics, statistics, embodiment)
        self._state = {
            key: self._state_normalizer(modality_config, key, find("state", key))
            for key in modality_config.state_keys
        }
        self._action: dict[str, Normalizer] = {}
        actions = []
        for key, action_config in zip(
            modality_config.action_keys, modality_config.action_configs, strict=True
        ):
            relative = action_config.relative and config.use_relative_action
            key_stats = find("relative_action" if relative else "action", key)
            self._action[key] = self._action_normalizer(modality_config, key, key_stats, relative)
            actions.append(ActionKey(key, self._action[key].dim, action_config))
        self.modality = Modality(
            embodiment=embodiment,
            slot=slot,
            video_keys=modality_config.video_keys,
            video_delta=modality_config.video_delta,
            state={key: normalizer.dim for key, normalizer in self._state.items()},
            state_delta=modality_config.state_delta,
            actions=tuple(actions),
            action_delta=modality_config.action_delta,
            language_key=modality_config.language_key,
        )
        self._check_sizes()

    def _state_normalizer(
        self, modality: ModalityConfig, key: str, stats: KeyStatistics
    ) -> Normalizer:
        if self.config.apply_sincos_state_encoding and key in modality.sin_cos_state:
            return SinCos(stats.dim)
        if key in modality.mean_std_state:
            return MeanStd(*stats.pair("mean", "std"), clip=False)
        low, high = stats.bounds(self.config.use_percentiles)
        return MinMax(low, high, self.config.clip_outliers)

    def _action_normalizer(
        self, modality: ModalityConfig, key: str, stats: KeyStatistics, relative: bool
    ) -> Normalizer:
        if key in modality.mean_std_action:
            return MeanStd(*stats.pair("mean", "std"), self.config.clip_outliers)
        # Relative actions have one row of statistics per time step, and never percentiles.
        low, high = stats.bounds(self.config.use_percentiles and not relative)
        return MinMax(low, high, self.config.clip_outliers)

    def _check_sizes(self) -> None:
        modality, config = self.modality, self.config
        sizes = (
            (modality.horizon, config.max_action_horizon, "steps of action", "horizon"),
            (sum(key.dim for key in modality.actions), config.max_action_dim, "action", "size"),
            (sum(n.size for n in self._state.values()), config.max_state_dim, "state", "size"),
        )
        for found, limit, what, kind in sizes:
            if found > limit:
                raise UserError(
                    f"embodiment {modality.embodiment!r} has {found} {what} numbers, expected at "
                    f"most {limit}, the checkpoint's {kind}: shorten its modality config"
                )
        for key in modality.actions:
            if not self._is_relative(key):
                continue
            if modality.state.get(key.reference) != key.dim:
                raise UserError(
                    f"action {key.key!r} is relative to state {key.reference!r} of "
                    f"{modality.state.get(key.reference, 0)} numbers, expected {key.dim}: mend "
                    "state_key in processor_config.json"
                )
            steps = np.shape(getattr(self._action[key.key], "low", np.empty(0)))
            if len(steps) == 2 and steps[0] < modality.horizon:
                raise UserError(
                    f"relative statistics of action {key.key!r} cover {steps[0]} steps, expected "
                    f"{modality.horizon}: compute the dataset's relative statistics again"
                )

    def _is_relative(self, key: ActionKey) -> bool:
        return key.config.relative and self.config.use_relative_action

    def encode_state(self, state: Mapping[str, Array]) -> NDArray[np.float32]:
        """State {key: (T, D)} -> (T, max_state_dim), zeros where there is nothing."""
        keys = self.modality.state
        encoded = np.concatenate([self._state[key].apply(state[key]) for key in keys], axis=-1)
        if self.config.exclude_state:
            encoded = np.zeros_like(encoded)
        return _padded(encoded, encoded.shape[0], self.config.max_state_dim)

    def encode_actions(
        self, actions: Mapping[str, Array], state: Mapping[str, Array]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Absolute actions {key: (T, D)} -> normalised (max horizon, max dim), and its mask.

        Relative ones refer to the last of the states {key: (T, D)}. T may be shorter than the
        horizon: its steps are the first ones. Keys that are not given are 0.
        """
        columns, steps = [], len(next(iter(actions.values())))
        for key in self.modality.actions:
            if key.key not in actions:
                columns.append(np.zeros((steps, key.dim)))
                continue
            values = np.asarray(actions[key.key], dtype=np.float64)
            if self._is_relative(key):
                values = to_relative(key.config, values, state[key.reference][-1])
            columns.append(self._action[key.key].apply(values))
        encoded = np.concatenate(columns, axis=-1)
        horizon, size = self.config.max_action_horizon, self.config.max_action_dim
        return _padded(encoded, horizon, size), _padded(np.ones_like(encoded), horizon, size)

    def free_numbers(self, given: Collection[str]) -> NDArray[np.bool_]:
        """Which of the normalised numbers (D,), D the network's action dimension, are of keys that
        are not given."""
        free = np.zeros(self.config.max_action_dim, dtype=bool)
        start = 0
        for key in self.modality.actions:
            free[start : start + key.dim] = key.key not in given
            start += key.dim
        return free

    def decode_actions(self, actions: Array, state: Mapping[str, Array]) -> dict[str, Array]:
        """Normalised actions (H, D) -> {key: (horizon, D)} in physical, absolute units."""
        decoded, start = {}, 0
        for key in self.modality.actions:
            values = actions[: self.modality.horizon, start : start + key.dim]
            values = self._action[key.key].invert(values.astype(np.float64))
            if self._is_relative(key):
                values = to_absolute(key.config, values, state[key.reference][-1])
            decoded[key.key] = values
            start += key.dim
        return decoded


def _padded(values: Array, rows: int, columns: int) -> NDArray[np.float32]:
    padded = np.zeros((rows, columns), dtype=np.float32)
    padded[: values.shape[0], : values.shape[1]] = values
    return padded
