"""What an embodiment of a checkpoint reads and answers, from its `modality_configs`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from groot_ros.errors import UserError
from groot_ros.files.section import Section

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
    def of(cls, section: Section, key: str) -> ActionConfig:
        """One of `action_configs`, of the action `key`."""
        rep = (section.text("rep") if "rep" in section else "ABSOLUTE").upper()
        if rep not in ("RELATIVE", "ABSOLUTE"):
            raise UserError(
                f"action {key!r} has representation {rep}, expected RELATIVE or ABSOLUTE: no "
                "version of GR00T's processor computes another one"
            )
        config = cls(
            relative=rep == "RELATIVE",
            type=_member(ActionType, section, "type", "NON_EEF", key),
            format=_member(ActionFormat, section, "format", "DEFAULT", key),
            state_key=section.text("state_key") if "state_key" in section else None,
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
    def from_dict(cls, values: Any, embodiment: str) -> ModalityConfig:
        """Read the entry of an embodiment; UserError names a key that is missing or wrong."""
        path = f"processor_kwargs.modality_configs.{embodiment}"
        root = Section(values, "processor_config.json", path)
        video, state, action, language = (
            root.section(name) for name in ("video", "state", "action", "language")
        )
        action_keys = _keys(action)
        configs = action.items("action_configs") if "action_configs" in action else []
        action_configs = configs or [Section({}, "processor_config.json")] * len(action_keys)
        if len(action_configs) != len(action_keys):
            raise UserError(
                f"modality_configs of {embodiment!r} has {len(action_configs)} action_configs, "
                f"expected one for each of the {len(action_keys)} action keys"
            )
        return cls(
            video_keys=_keys(video),
            video_delta=_steps(video),
            state_keys=_keys(state),
            state_delta=_steps(state),
            action_keys=action_keys,
            action_delta=_steps(action),
            action_configs=tuple(
                ActionConfig.of(config, key)
                for key, config in zip(action_keys, action_configs, strict=True)
            ),
            language_key=_keys(language)[0],
            sin_cos_state=_embedded(state, "sin_cos_embedding_keys"),
            mean_std_state=_embedded(state, "mean_std_embedding_keys"),
            mean_std_action=_embedded(action, "mean_std_embedding_keys"),
        )


# Steps of history or horizon, far above any checkpoint's.
MOST_STEPS = 1 << 12


def _keys(section: Section) -> tuple[str, ...]:
    return section.names("modality_keys")


def _steps(section: Section) -> tuple[int, ...]:
    steps = section.integers("delta_indices", -MOST_STEPS, MOST_STEPS)
    if not 1 <= len(steps) <= MOST_STEPS:
        raise section.error("delta_indices", f"has {len(steps)} steps, expected 1 to {MOST_STEPS}")
    return steps


def _embedded(section: Section, key: str) -> frozenset[str]:
    return frozenset(section.texts(key)) if key in section else frozenset()


def _member(kind: type[Kind], section: Section, name: str, default: str, key: str) -> Kind:
    found = section.text(name) if name in section else default
    for member in kind:
        if found.lower() in (member.name.lower(), member.value):
            return member
    raise UserError(
        f"action {key!r} has {kind.__name__} {found!r}, expected one of "
        f"{', '.join(member.name for member in kind)}"
    )
