"""What the tests' checkpoints read and answer, and observations for them."""

from __future__ import annotations

import numpy as np

from groot_ros.model.processing.modality import (
    ActionConfig,
    ActionFormat,
    ActionKey,
    ActionType,
    Modality,
)
from groot_ros.model.tiny.init import CheckpointSpec
from groot_ros.model.tiny.tabletop import Workspace
from groot_ros.observation.types import ModelInput

RELATIVE_POSE = ActionConfig(True, ActionType.EEF, ActionFormat.XYZ_ROT6D, "ee_pose")
WORKSPACE = Workspace(
    np.array([[0.35, -0.25, 0.1], [0.65, 0.25, 0.5]]), np.tile([[-1.0], [1.0]], 7)
)


ABSOLUTE = ActionConfig()


def spec(pose: ActionConfig = ABSOLUTE, version: str = "N1.7") -> CheckpointSpec:
    return CheckpointSpec(
        state={"grip": 1, "ee_pose": 9, "joint_position": 7},
        actions=[ActionKey("ee_pose", 9, pose), ActionKey("grip", 1, ActionConfig())],
        video_keys=["exterior_image_1", "wrist_image"],
        language_key="annotation.language.language_instruction",
        workspace=WORKSPACE,
        metadata={"variant": "ee_rot6d_joints"},
        version=version,
    )


def observation(
    modality: Modality, seed: int = 0, height: int = 48, width: int = 64
) -> ModelInput:
    """Random pictures and a plausible state."""
    generator = np.random.default_rng(seed)
    pose = {7: [0.5, 0, 0.3, 0, 1, 0, 0], 9: [0.5, 0, 0.3, 1, 0, 0, 0, -1, 0]}
    state = {key: generator.uniform(0, 1, (1, dim)) for key, dim in modality.state.items()}
    if "ee_pose" in state:
        shift = generator.uniform(-0.05, 0.05, 3)
        state["ee_pose"] = np.array([pose[modality.state["ee_pose"]]], dtype=np.float64)
        state["ee_pose"][0, :3] += shift
    video = {
        key: generator.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        for key in modality.video_keys
    }
    return ModelInput(video, state, "Pick up the red cube.")
