"""What a tiny checkpoint for a robot and a variant reads and answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from groot_ros.codecs.catalog import OWN_KEY
from groot_ros.codecs.file import CodecFile
from groot_ros.model.processing.modality import ActionKey
from groot_ros.model.processing.relative import action_config
from groot_ros.model.tiny.init import CheckpointSpec
from groot_ros.model.tiny.tabletop import Workspace
from groot_ros.robot.config import RobotConfig

# For robot files without limits: in front of a small arm, away from its joints' ends.
POSITION_M = ((0.2, -0.2, 0.05), (0.5, 0.2, 0.4))
JOINT_POSITION_RAD = 1.5


def checkpoint_spec(variant: CodecFile, robot: RobotConfig) -> CheckpointSpec:
    """What a checkpoint for this robot and variant reads and answers."""
    codec = variant.codec(robot)
    features = codec.features
    return CheckpointSpec(
        state={feature.key: feature.size for feature in features.state},
        actions=[
            ActionKey(
                feature.key,
                feature.size,
                action_config(variant, feature.key, "se3"),
            )
            for feature in features.action
        ],
        video_keys=list(features.video),
        language_key=features.language,
        workspace=Workspace(*_central_half(robot)),
        horizon=codec.timing.horizon,
        state_history=codec.state.history,
        video_history=codec.video.history,
        metadata={
            "format": 1,
            "variant": variant.name,
            "codec": variant.codec_name,
            OWN_KEY: dict(variant.values),
            "robot": robot.name,
            "base_frame": robot.base_frame,
            "joints": list(robot.joints),
            "action_rate_hz": codec.timing.action_rate_hz,
            "cameras": dict(features.video),
        },
    )


def _central_half(robot: RobotConfig) -> tuple[np.ndarray, np.ndarray]:
    """The middle of the workspace (2, 3) and of the joint ranges (2, J)."""
    limits = robot.limits
    position = np.array(POSITION_M)
    if limits.workspace_min is not None and limits.workspace_max is not None:
        position = _middle(limits.workspace_min, limits.workspace_max)
    count = len(robot.joints)
    joint_position = np.tile([[-JOINT_POSITION_RAD], [JOINT_POSITION_RAD]], count)
    if limits.joint_lower is not None and limits.joint_upper is not None:
        joint_position = _middle(limits.joint_lower, limits.joint_upper)
    return position, joint_position


def _middle(lower: Sequence[float], upper: Sequence[float]) -> np.ndarray:
    low, high = np.array(lower), np.array(upper)
    return np.stack([0.75 * low + 0.25 * high, 0.25 * low + 0.75 * high])
