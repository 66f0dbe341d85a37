"""`groot-ros init-checkpoint`: a tiny untrained GR00T for a robot and a variant."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from groot_ros.codecs.catalog import Variant, find_variant
from groot_ros.robot import RobotConfig, load_robot


def add_parser(subparsers: Any) -> None:
    parser = subparsers.add_parser(
        "init-checkpoint", help="write a tiny GR00T checkpoint with untrained weights"
    )
    parser.add_argument("--size", choices=["tiny"], default="tiny")
    parser.add_argument("--variant", required=True, help="such as ee_rot6d_joints")
    parser.add_argument("--robot", default="sim", help="robot name or file (default: sim)")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--gr00t", choices=["N1.7", "N1.6"], default="N1.7", help="version")
    parser.add_argument("--seed", type=int, default=0)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from groot_ros.model.tiny import init_checkpoint

    spec = checkpoint_spec(find_variant(args.variant), load_robot(args.robot))
    init_checkpoint(args.output, replace(spec, version=args.gr00t), args.seed)
    print(f"wrote {args.output}: untrained weights, for trying the loop and for training")
    return 0


def checkpoint_spec(variant: Variant, robot: RobotConfig) -> Any:
    """What a checkpoint for this robot and variant reads and answers."""
    from groot_ros.model.modality import ActionConfig, ActionFormat, ActionKey, ActionType
    from groot_ros.model.tabletop import Workspace
    from groot_ros.model.tiny import CheckpointSpec

    codec = variant.codec(robot)
    relative = ActionConfig(True, ActionType.EEF, ActionFormat.XYZ_ROT6D, "ee_pose")
    features = codec.features
    joints = robot.observations.joint_position
    return CheckpointSpec(
        state={feature.key: feature.size for feature in features.state},
        actions=[
            ActionKey(
                feature.key,
                feature.size,
                relative if variant.relative and feature.key == "ee_pose" else ActionConfig(),
            )
            for feature in features.action
        ],
        video_keys=list(features.video),
        language_key=features.language,
        workspace=Workspace(*_central_half(robot)),
        horizon=codec.timing.horizon,
        metadata={
            "format": 1,
            "variant": variant.name,
            "codec": variant.codec_name,
            "robot": robot.name,
            "base_frame": robot.base_frame,
            "joints": [] if joints is None else list(joints.joints),
            "action_rate_hz": codec.timing.action_rate_hz,
            "cameras": dict(features.video),
        },
    )


# For robot files without limits: in front of a small arm, away from its joints' ends.
POSITION_M = ((0.2, -0.2, 0.05), (0.5, 0.2, 0.4))
JOINT_POSITION_RAD = 1.5


def _central_half(robot: RobotConfig) -> tuple[np.ndarray, np.ndarray]:
    """The middle of the workspace (2, 3) and of the joint ranges (2, J)."""
    limits, joints = robot.limits, robot.observations.joint_position
    position = np.array(POSITION_M)
    if limits.workspace_min is not None and limits.workspace_max is not None:
        position = _middle(limits.workspace_min, limits.workspace_max)
    count = 0 if joints is None else len(joints.joints)
    joint_position = np.tile([[-JOINT_POSITION_RAD], [JOINT_POSITION_RAD]], count)
    if limits.joint_lower is not None and limits.joint_upper is not None:
        joint_position = _middle(limits.joint_lower, limits.joint_upper)
    return position, joint_position


def _middle(lower: Sequence[float], upper: Sequence[float]) -> np.ndarray:
    low, high = np.array(lower), np.array(upper)
    return np.stack([0.75 * low + 0.25 * high, 0.25 * low + 0.75 * high])
