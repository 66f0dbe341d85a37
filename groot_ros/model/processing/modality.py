"""What an embodiment of a checkpoint reads and answers, from its `modality_configs`."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from msgspec import Meta

from groot_ros.errors import UserError
from groot_ros.files.typed import KeyPath, Names, OpenSection, Text, typed, whole

Kind = TypeVar("Kind", bound=enum.Enum)


class ActionType(enum.Enum):
    """Whether an action is a pose of the hand, as NVIDIA's configuration names it."""

    EEF = "eef"
    NON_EEF = "non_eef"


class ActionFormat(enum.Enum):
    """What the numbers of an action are; the default is numbers as they come."""

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
    def of(cls, entry: ActionConfigEntry, key: str) -> ActionConfig:
        """One of `action_configs`, of the action `key`; UserError for a representation or format
        that no version knows."""
        rep = entry.rep.upper()
        if rep not in ("RELATIVE", "ABSOLUTE"):
            raise UserError(
                f"action {key!r} has representation {rep}, expected RELATIVE or ABSOLUTE: no "
                "version of GR00T's processor computes another one"
            )
        config = cls(
            relative=rep == "RELATIVE",
            type=_member(ActionType, entry.type, key),
            format=_member(ActionFormat, entry.format, key),
            state_key=entry.state_key,
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


# Steps of history or horizon, far above any checkpoint's.
MOST_STEPS = 1 << 12
Steps = Annotated[
    tuple[Annotated[int, whole(-MOST_STEPS, MOST_STEPS)], ...],
    Meta(min_length=1, max_length=MOST_STEPS),
]


class ActionConfigEntry(OpenSection, frozen=True, kw_only=True):
    """One of `action_configs`; enums by name or value, in letters of any size."""

    rep: Text = "ABSOLUTE"
    type: Text = "NON_EEF"
    format: Text = "DEFAULT"
    state_key: Text | None = None


class GroupEntry(OpenSection, frozen=True, kw_only=True):
    """What is read or answered: keys, and steps relative to the observation."""

    modality_keys: Names
    delta_indices: Steps


class StateEntry(GroupEntry, frozen=True, kw_only=True):
    """The state, and which keys are not scaled by their range."""

    sin_cos_embedding_keys: frozenset[str] = frozenset()
    mean_std_embedding_keys: frozenset[str] = frozenset()


class ActionEntry(GroupEntry, frozen=True, kw_only=True):
    """The actions; without `action_configs` all are absolute."""

    action_configs: tuple[ActionConfigEntry, ...] = ()
    mean_std_embedding_keys: frozenset[str] = frozenset()


class ModalityEntry(OpenSection, frozen=True, kw_only=True):
    """One entry of `modality_configs`."""

    video: GroupEntry
    state: StateEntry
    action: ActionEntry
    language: GroupEntry


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
        place = KeyPath("processor_config.json", "processor_kwargs.modality_configs") / embodiment
        entry = typed(values, ModalityEntry, place)
        state, action = entry.state, entry.action
        count = len(action.modality_keys)
        configs = action.action_configs or (ActionConfigEntry(),) * count
        if len(configs) != count:
            raise UserError(
                f"modality_configs of {embodiment!r} has {len(configs)} action_configs, "
                f"expected one for each of the {count} action keys"
            )
        return cls(
            video_keys=entry.video.modality_keys,
            video_delta=entry.video.delta_indices,
            state_keys=state.modality_keys,
            state_delta=state.delta_indices,
            action_keys=action.modality_keys,
            action_delta=action.delta_indices,
            action_configs=tuple(
                ActionConfig.of(config, key)
                for key, config in zip(action.modality_keys, configs, strict=True)
            ),
            language_key=entry.language.modality_keys[0],
            sin_cos_state=state.sin_cos_embedding_keys,
            mean_std_state=state.mean_std_embedding_keys,
            mean_std_action=action.mean_std_embedding_keys,
        )


def _member(kind: type[Kind], found: str, key: str) -> Kind:
    for member in kind:
        if found.lower() in (member.name.lower(), member.value):
            return member
    raise UserError(
        f"action {key!r} has {kind.__name__} {found!r}, expected one of "
        f"{', '.join(member.name for member in kind)}"
    )
