"""What an embodiment of a checkpoint reads and answers, from its `modality_configs`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from groot_ros.errors import UserError

Kind = TypeVar("Kind", bound=enum.Enum)


class ActionType(enum.Enum):
    EEF = "eef"
    NON_EEF = "non_eef"


class ActionFormat(enum.Enum):
    DEFAULT = "default"
    XYZ_ROT6D = "xyz+rot6d"
    XYZ_ROTVEC = "xyz+rotvec"


POSE_SIZES = {ActionFormat.XYZ_ROT6D: 9, ActionFormat.XYZ_ROTVEC: 6}


@dataclass(frozen=True)
class ActionConfig:
    """How the numbers of an action key are meant, as in `action_configs`.

    relative: to the state `state_key`, last observed; in SE(3) for EEF, else elementwise.
    """

    relative: bool = False
    type: ActionType = ActionType.NON_EEF
    format: ActionFormat = ActionFormat.DEFAULT
    state_key: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As written to `processor_config.json`, enums by name."""
        return {
            "rep": "RELATIVE" if self.relative else "ABSOLUTE",
            "type": self.type.name,
            "format": self.format.name,
            "state_key": self.state_key,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], key: str) -> ActionConfig:
        rep = str(values.get("rep", "ABSOLUTE")).upper()
        if rep not in ("RELATIVE", "ABSOLUTE"):
            raise UserError(
                f"action {key!r} has representation {rep}, expected RELATIVE or ABSOLUTE: no "
                "version of GR00T's processor computes another one"
            )
        config = cls(
            relative=rep == "RELATIVE",
            type=_member(ActionType, values.get("type", "NON_EEF"), key),
            format=_member(ActionFormat, values.get("format", "DEFAULT"), key),
            state_key=values.get("state_key"),
        )
        if config.relative and config.type is ActionType.EEF and config.format not in POSE_SIZES:
            raise UserError(
                f"action {key!r} is RELATIVE EEF with format {config.format.name}, expected "
                "XYZ_ROT6D or XYZ_ROTVEC: mend its action_configs in processor_config.json"
            )
        return config


@dataclass(frozen=True)
class ActionKey:
    """An action: `dim` numbers per step."""

    key: str
    dim: int
    config: ActionConfig

    @property
    def reference(self) -> str:
        """The state key that a relative action refers to."""
        return self.config.state_key or self.key


@dataclass(frozen=True)
class Modality:
    """Inputs and outputs of one embodiment, keys in the network's order.

    Delta indices are steps relative to the observation; `slot` is the embodiment's set of
    weights.
    """

    embodiment: str
    slot: int
    video_keys: tuple[str, ...]
    video_delta: tuple[int, ...]
    state: Mapping[str, int]
    state_delta: tuple[int, ...]
    actions: tuple[ActionKey, ...]
    action_delta: tuple[int, ...]
    language_key: str

    @property
    def horizon(self) -> int:
        """Steps of one answer."""
        return len(self.action_delta)


@dataclass(frozen=True)
class ModalityConfig:
    """One entry of `modality_configs`, before statistics give the sizes."""

    video_keys: tuple[str, ...]
    video_delta: tuple[int, ...]
    state_keys: tuple[str, ...]
    state_delta: tuple[int, ...]
    action_keys: tuple[str, ...]
    action_delta: tuple[int, ...]
    action_configs: tuple[ActionConfig, ...]
    language_key: str
    sin_cos_state: frozenset[str] = frozenset()
    mean_std_state: frozenset[str] = frozenset()
    mean_std_action: frozenset[str] = frozenset()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], embodiment: str) -> ModalityConfig:
        parts = {}
        for name in ("video", "state", "action", "language"):
            if name not in values:
                raise UserError(
                    f"modality_configs of {embodiment!r} in processor_config.json has no "
                    f"{name!r}, expected video, state, action and language"
                )
            parts[name] = values[name]
        action_keys = tuple(parts["action"]["modality_keys"])
        action_configs = parts["action"].get("action_configs") or [{}] * len(action_keys)
        if len(action_configs) != len(action_keys):
            raise UserError(
                f"modality_configs of {embodiment!r} has {len(action_configs)} action_configs, "
                f"expected one for each of the {len(action_keys)} action keys"
            )
        return cls(
            video_keys=tuple(parts["video"]["modality_keys"]),
            video_delta=tuple(parts["video"]["delta_indices"]),
            state_keys=tuple(parts["state"]["modality_keys"]),
            state_delta=tuple(parts["state"]["delta_indices"]),
            action_keys=action_keys,
            action_delta=tuple(parts["action"]["delta_indices"]),
            action_configs=tuple(
                ActionConfig.from_dict(config, key)
                for key, config in zip(action_keys, action_configs, strict=True)
            ),
            language_key=parts["language"]["modality_keys"][0],
            sin_cos_state=frozenset(parts["state"].get("sin_cos_embedding_keys") or ()),
            mean_std_state=frozenset(parts["state"].get("mean_std_embedding_keys") or ()),
            mean_std_action=frozenset(parts["action"].get("mean_std_embedding_keys") or ()),
        )


def _member(kind: type[Kind], name: Any, key: str) -> Kind:
    for member in kind:
        if str(name).lower() in (member.name.lower(), member.value):
            return member
    raise UserError(
        f"action {key!r} has {kind.__name__} {name!r}, expected one of "
        f"{', '.join(member.name for member in kind)}"
    )
