"""What a checkpoint of others reads and answers, for a draft of its codec file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groot_ros.codecs.draft import Foreign, Seen
from groot_ros.codecs.pose_frame import PoseFrame
from groot_ros.errors import UserError
from groot_ros.model.checkpoint.folder import CheckpointFolder
from groot_ros.model.processing.modality import ActionFormat, ModalityConfig
from groot_ros.policies.checkpoint.folder import find_checkpoint
from groot_ros.signals.signals import JOINT_POSITION


@dataclass(frozen=True)
class _Taught:
    """What the files do not tell of the data that an embodiment was taught with; see Foreign.

    `fps` steps per second; `size` width and height of its pictures in pixels.
    """

    fps: int | None = None
    size: tuple[int, int] | None = None
    frame: PoseFrame | None = None
    grip_threshold: float | None = None
    followed: str = ""
    execute: int = 0


# Sources: DROID, Khazatsky et al. 2024: 15 Hz, pictures of 320 x 180 in its released episodes.
# NVIDIA/Isaac-GR00T, gr00t/data/state_action/droid_frame.py: a rotation behind that of the pose;
# examples/DROID/main_gr00t.py: joints are followed, 15 steps, the gripper closes above 0.5.
# Positronic 0.4.1, drivers/roboarm/models.py: DROID's poses are those of panda_link8.
TAUGHT = {
    "oxe_droid_relative_eef_relative_joint": _Taught(
        fps=15,
        size=(320, 180),
        frame=PoseFrame(
            links=("fr3_link8", "panda_link8"),
            quat_wxyz=(0.5, 0.5, -0.5, -0.5),
            words="Franka's flange, turned as DROID's poses are",
        ),
        grip_threshold=0.5,
        followed=JOINT_POSITION.name,
        execute=15,
    )
}
FORMS = {ActionFormat.XYZ_ROT6D: "xyz_rot6d", ActionFormat.XYZ_ROTVEC: "xyz_rotvec"}


def foreign_checkpoint(path: Path, embodiment: str = "") -> Foreign:
    """The keys of a foreign checkpoint, from its processor_config.json and, where there is one,
    its statistics.json.

    UserError names the embodiments where there are several and none is chosen.
    """
    folder = CheckpointFolder(find_checkpoint(path))
    configs = folder.modality_configs
    if not embodiment and len(configs) > 1:
        raise UserError(f"{path} knows {', '.join(configs)}: choose one with --embodiment")
    tag = embodiment or next(iter(configs), "")
    if tag not in configs:
        raise UserError(
            f"{path} has no embodiment {tag!r}, only {', '.join(configs)}: choose one of them"
        )
    rate_hz = folder.metadata.get("action_rate_hz")
    return foreign_model(
        path.resolve().name,
        ModalityConfig.from_dict(configs[tag], tag),
        tag,
        statistics=_statistics(folder, tag),
        fps=None if rate_hz is None else round(float(rate_hz)),
    )


def foreign_model(
    name: str, config: ModalityConfig, tag: str, *, statistics: Mapping[str, Any], fps: int | None
) -> Foreign:
    """The keys of a foreign model, from its modality config and what is known of the embodiment
    `tag`.

    `fps` are steps per second, None where they are not known.
    """
    # A key is told once, where its actions are: the state of the same name is alike.
    forms = {
        key: FORMS[action.format]
        for key, action in zip(config.action_keys, config.action_configs, strict=True)
        if action.format in FORMS
    }
    relative = tuple(
        key
        for key, action in zip(config.action_keys, config.action_configs, strict=True)
        if action.relative
    )
    taught = TAUGHT.get(tag, _Taught())
    return Foreign(
        name=name,
        state=[_seen(key, forms, statistics.get("state", {})) for key in config.state_keys],
        action=[_seen(key, forms, statistics.get("action", {})) for key in config.action_keys],
        video=dict.fromkeys(config.video_keys, taught.size),
        language=config.language_key,
        fps=fps or taught.fps,
        horizon=len(config.action_delta),
        state_history=config.state_delta,
        video_history=config.video_delta,
        embodiment_tag=tag,
        relative=relative,
        frame=taught.frame,
        grip_threshold=taught.grip_threshold,
        followed=taught.followed,
        execute=taught.execute,
    )


def _statistics(folder: CheckpointFolder, tag: str) -> Mapping[str, Any]:
    if not any((place / "statistics.json").is_file() for place in folder.processor_folders):
        return {}
    found = folder.statistics.get(tag, {})
    return found if isinstance(found, Mapping) else {}


def _seen(key: str, forms: Mapping[str, str], statistics: Mapping[str, Any]) -> Seen:
    entry = statistics.get(key, {})
    low, high = (entry.get(name) or [] for name in ("min", "max"))
    if not all(isinstance(number, int | float) for number in (*low, *high)):
        low, high = [], []
    return Seen(key=key, size=len(low), low=tuple(low), high=tuple(high), form=forms.get(key, ""))
