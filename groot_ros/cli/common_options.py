"""Options that several verbs have."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groot_ros.cli.command import JSON
from groot_ros.errors import UserError
from groot_ros.options import like, option
from groot_ros.policies.checkpoint.config import LocalPolicyConfig

if TYPE_CHECKING:
    from groot_ros.policy import Policy
    from groot_ros.robot.config import RobotConfig

# Noise of the policy: the same command twice gives the same chunks.
NOISE_SEED = 0
FLOATS = ("float32", "bfloat16", "float16")


def json_option() -> Any:
    """Whether the result is for a program."""
    return option(JSON, default=False)


def robot_option() -> Any:
    """Of a verb that needs a robot."""
    return option("robot name or file")


def bags_option() -> Any:
    """Of a verb that reads recordings."""
    return option("bags or folders of bags")


def device_option() -> Any:
    """What a network computes on."""
    return like(LocalPolicyConfig, "device")


def dtype_option() -> Any:
    """What a network computes with."""
    return like(LocalPolicyConfig, "dtype")


def workers_option(help: str) -> Any:
    """How many processes work."""
    return option(help, default_factory=lambda: os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How a checkpoint is loaded that is shown what was recorded."""

    variant: str = option("of a checkpoint that does not say its own", default="")
    device: str = device_option()

    def open(self, checkpoint: Path, robot: RobotConfig) -> Policy:
        """The checkpoint, loaded and compared with the robot file."""
        from groot_ros.policies.checkpoint.folder import (
            checkpoint_codec,
            checkpoint_codecs,
            find_checkpoint,
        )
        from groot_ros.policies.factory import AUTO, PolicyChoice, make_policy

        folder = find_checkpoint(checkpoint)
        variant = self.variant or AUTO
        if variant == AUTO and not checkpoint_codec(folder) and not checkpoint_codecs(folder):
            raise UserError(f"{folder} does not say its variant: name it with --variant")
        choice = PolicyChoice(
            "local", variant, LocalPolicyConfig(str(folder), device=self.device, seed=NOISE_SEED)
        )
        policy = make_policy(choice, robot)
        policy.open()
        return policy
