"""A checkpoint that LeRobot's training wrote, its files in the terms of NVIDIA's.

Source of names and steps: huggingface/lerobot, `policies/groot` (LeRobot 0.6, GR00T N1.7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from huggingface_hub import try_to_load_from_cache
from msgspec import Meta
from safetensors import SafetensorError, safe_open

from groot_ros.errors import UserError
from groot_ros.files.json_file import read_json
from groot_ros.files.typed import KeyPath, Names, OpenSection, Text, number, typed, whole
from groot_ros.model.networks.n17 import N17
from groot_ros.model.networks.released import N17_3B

TYPE = "groot"
PACK, ENCODE = "groot_n1_7_pack_inputs_v1", "groot_n1_7_vlm_encode_v1"
DECODE = "groot_n1_7_action_decode_v1"
PREPROCESSOR, POSTPROCESSOR = "policy_preprocessor.json", "policy_postprocessor.json"
IMAGES = "observation.images."
LANGUAGE = "task"
# Of one arm with its gripper last, as all of LeRobot's arms have it.
ARM_SIZES = (6, 7, 8)
LARGEST_EDGE = 1 << 13
NUMBERS = 1 << 12
Made = TypeVar("Made")


Count = Annotated[int, whole(1, NUMBERS)]
Edges = Annotated[tuple[Annotated[int, whole(1, LARGEST_EDGE)], ...], Meta(min_length=1)]


class StepEntry(OpenSection, frozen=True, kw_only=True):
    """A step of a saved pipeline: its registered name, values, and file of tensors."""

    registry_name: Text | None = None
    config: dict[str, Any] = {}
    state_file: Text | None = None


class PipelineFile(OpenSection, frozen=True, kw_only=True):
    """A pipeline that LeRobot saves with a policy."""

    steps: list[StepEntry]


class PackEntry(OpenSection, frozen=True, kw_only=True):
    """What goes into the network."""

    embodiment_tag: Text
    action_horizon: Count
    valid_action_horizon: Count | None = None
    embodiment_mapping: dict[str, Any] = {}
    video_modality_keys: Names | None = None
    use_percentiles: Any = None


class DecodeEntry(OpenSection, frozen=True, kw_only=True):
    """What comes out of it; without keys all is one vector."""

    modality_config: dict[str, Any] | None = None
    raw_stats: dict[str, Any] | None = None
    use_relative_action: bool = False


class EncodeEntry(OpenSection, frozen=True, kw_only=True):
    """How pictures are fitted."""

    image_target_size: Edges
    crop_fraction: Annotated[float, number("shares", 0.01, 1.0)] | None = None


@dataclass(frozen=True)
class Step:
    """A step of a pipeline, its values and where they stand."""

    place: KeyPath
    values: Mapping[str, Any]
    state_file: str

    def typed(self, kind: type[Made]) -> Made:
        """Its values as a type; UserError names what does not fit."""
        return typed(self.values, kind, self.place)


@dataclass(frozen=True)
class LeRobotFiles:
    """`config.json`, `processor_config.json`, statistics and slots of NVIDIA's layout.

    `raw` is LeRobot's own config.json. The network is that of its `base_model_path` where that is
    on this machine, else the released one.
    """

    path: Path
    raw: Mapping[str, Any]

    @property
    def network(self) -> dict[str, Any]:
        """What NVIDIA's config.json would say."""
        path, values, seen = self.path, self.raw, [self.path.resolve()]
        while values.get("type") == TYPE:
            config = _base_config(path, values.get("base_model_path"))
            if config is None or config.parent.resolve() in seen:
                return dict(N17_3B)
            path, values = config.parent, read_json(config, "the base model's")
            seen.append(path.resolve())
        return dict(values)

    @cached_property
    def _before(self) -> dict[str, Step]:
        """The steps before the network."""
        return _steps(self.path, PREPROCESSOR)

    @cached_property
    def _pack_step(self) -> Step:
        steps = self._before
        if PACK not in steps:
            raise UserError(
                f"{self.path / PREPROCESSOR} has no step {PACK}, only {', '.join(steps)[:200]}: "
                "it is no GR00T N1.7 of LeRobot 0.6; older ones are GR00T N1.5, train again"
            )
        return steps[PACK]

    @cached_property
    def _pack(self) -> PackEntry:
        return self._pack_step.typed(PackEntry)

    @cached_property
    def _decode(self) -> DecodeEntry | None:
        """The step that tells actions by keys, None where all is one vector."""
        step = _steps(self.path, POSTPROCESSOR).get(DECODE)
        decode = step.typed(DecodeEntry) if step else None
        has_keys = decode and decode.modality_config is not None and decode.raw_stats is not None
        return decode if has_keys else None

    @cached_property
    def _groups(self) -> tuple[Mapping[str, Any], Mapping[str, Any], bool]:
        """Modality and statistics of the embodiment, and whether actions may be relative."""
        decode = self._decode
        relative = bool(decode and decode.use_relative_action)
        if self.raw.get("use_relative_actions") and not relative:
            raise UserError(
                f"{self.path} was trained with LeRobot's generic relative actions, which have no "
                "statistics of their own: train it with a dataset whose relative statistics "
                "LeRobot computes"
            )
        if decode:
            return decode.modality_config or {}, decode.raw_stats or {}, relative
        if (steps := self._pack.valid_action_horizon) is None:
            place = self._pack_step.place
            raise place.error("is missing, expected a number of steps", "valid_action_horizon")
        file = self._pack_step.state_file
        flat = _tensors(self.path, file) if file else {}
        modality, statistics = _arm(flat, steps, self.path)
        return modality, statistics, False

    @cached_property
    def processor_config(self) -> dict[str, Any]:
        """What NVIDIA's processor_config.json would say."""
        pack, values = self._pack, self._pack_step.values
        modality, _, relative = self._groups
        now = {"delta_indices": [0]}
        entry = {
            "language": {**now, "modality_keys": [LANGUAGE]},
            "video": {**now, "modality_keys": self._cameras},
            **{key: {**now, **part} for key, part in modality.items() if isinstance(part, dict)},
        }
        sizes = ("max_state_dim", "max_action_dim", "formalize_language", "clip_outliers")
        kwargs = {
            "modality_configs": {pack.embodiment_tag: entry},
            "max_action_horizon": pack.action_horizon,
            "use_relative_action": relative,
            # One vector is normalised by its smallest and largest values, whatever the step says.
            "use_percentiles": bool(self._decode and pack.use_percentiles),
            **{key: values[key] for key in sizes if values.get(key) is not None},
            **self._images,
        }
        return {"processor_class": f"{N17.model_type}Processor", "processor_kwargs": kwargs}

    @property
    def statistics(self) -> dict[str, Any]:
        """What NVIDIA's statistics.json would say."""
        return {self._pack.embodiment_tag: self._groups[1]}

    @property
    def slots(self) -> dict[str, Any]:
        """What NVIDIA's embodiment_id.json would say."""
        return self._pack.embodiment_mapping or dict(N17.slots)

    @property
    def _cameras(self) -> list[str]:
        if self._pack.video_modality_keys:
            return list(self._pack.video_modality_keys)
        place = KeyPath(str(self.path / "config.json"), "input_features")
        features = typed(self.raw.get("input_features") or {}, dict[str, Any], place)
        return sorted(key[len(IMAGES) :] for key in features if key.startswith(IMAGES))

    @property
    def _images(self) -> dict[str, Any]:
        """Sizes of pictures; without albumentations LeRobot crops by a share and is bicubic."""
        steps = self._before
        if ENCODE not in steps:
            raise UserError(f"{self.path / PREPROCESSOR} has no step {ENCODE}: copy it again")
        encode = steps[ENCODE].typed(EncodeEntry)
        keys = ("image_crop_size", "image_target_size", "shortest_image_edge", "crop_fraction")
        flags = ("use_albumentations", "letter_box_transform")
        values = {key: steps[ENCODE].values.get(key) for key in (*keys, *flags)}
        edge = encode.image_target_size[0]
        if values["use_albumentations"]:
            values["shortest_image_edge"] = values["shortest_image_edge"] or edge
        elif values["shortest_image_edge"] not in (None, edge):
            raise UserError(
                f"{self.path} resizes pictures to {values['shortest_image_edge']} and then to "
                f"{edge} without albumentations, which is not read: expected the same"
            )
        elif encode.crop_fraction is not None:
            crop = round(edge * encode.crop_fraction)
            values["image_crop_size"] = [crop, crop]
        return {**values, "interpolation": "bicubic"}


def _arm(flat: Mapping[str, Any], steps: int, path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Modality and statistics of a state and an action that are one vector each.

    The keys are those that LeRobot gives to an arm whose actions are relative: `single_arm`, then
    `gripper`; of another size than an arm's it is `single_arm` alone.
    """
    modality, statistics = {}, {}
    for group, feature in (("state", "observation.state"), ("action", "action")):
        found = {
            name.rpartition(".")[2]: values
            for name, values in flat.items()
            if name.rpartition(".")[0] == feature
        }
        if not {"min", "max"} <= set(found):
            raise UserError(
                f"{path / PREPROCESSOR} has no smallest and largest values of {feature}, without "
                "which the network's numbers mean nothing: save the policy with its dataset's"
            )
        size = len(found["min"])
        parts = {"single_arm": slice(0, size)}
        if size in ARM_SIZES:
            parts = {"single_arm": slice(0, size - 1), "gripper": slice(size - 1, size)}
        modality[group] = {
            "modality_keys": list(parts),
            "delta_indices": list(range(steps)) if group == "action" else [0],
        }
        statistics[group] = {
            key: {kind: values[part] for kind, values in found.items() if len(values) == size}
            for key, part in parts.items()
        }
    return modality, statistics


def _base_config(path: Path, base: object) -> Path | None:
    if not isinstance(base, str) or not base:
        return None
    beside = path / base / "config.json"
    return beside if beside.is_file() else _cached_config(base)


def _cached_config(repository: str) -> Path | None:
    try:
        cached = try_to_load_from_cache(repository, "config.json")
    except ValueError:
        return None
    return Path(cached) if isinstance(cached, str) else None


def _steps(path: Path, file: str) -> dict[str, Step]:
    """The steps of a saved pipeline by their registered names."""
    place = KeyPath(str(path / file))
    pipeline = typed(
        read_json(path / file, "what LeRobot saves with a policy"), PipelineFile, place
    )
    return {
        step.registry_name: Step(
            place / "steps" / str(index) / "config", step.config, step.state_file or ""
        )
        for index, step in enumerate(pipeline.steps)
        if step.registry_name
    }


def _tensors(path: Path, file: str) -> dict[str, list[Any]]:
    """Flat lists of a safetensors file beside the checkpoint's."""
    if Path(file).name != file or not (path / file).is_file():
        raise UserError(f"{file[:100]} not found in {path}, which {PREPROCESSOR} names: copy it")
    try:
        with safe_open(path / file, framework="np") as opened:
            return {
                name: opened.get_tensor(name).ravel().tolist()
                for name in opened.keys()  # noqa: SIM118
            }
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path / file} cannot be read ({error}): copy it again") from None
