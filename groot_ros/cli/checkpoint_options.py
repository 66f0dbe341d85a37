"""Options of commands that show a checkpoint what was recorded."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from groot_ros.errors import UserError

if TYPE_CHECKING:
    from groot_ros.policy import Policy
    from groot_ros.robot.config import RobotConfig

# Noise of the policy: the same command twice gives the same chunks.
NOISE_SEED = 0


def add_checkpoint_options(parser: argparse.ArgumentParser) -> None:
    """Those beside --checkpoint itself."""
    parser.add_argument("--variant", help="of a checkpoint that does not say its own")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")


def open_checkpoint(args: argparse.Namespace, robot: RobotConfig) -> Policy:
    """The checkpoint of `args`, loaded and compared with the robot file."""
    from groot_ros.policies.checkpoint.folder import (
        checkpoint_codec,
        checkpoint_codecs,
        find_checkpoint,
    )
    from groot_ros.policies.factory import AUTO, PolicyChoice, make_policy

    folder = find_checkpoint(args.checkpoint)
    variant = args.variant or AUTO
    if variant == AUTO and not checkpoint_codec(folder) and not checkpoint_codecs(folder):
        raise UserError(f"{folder} does not say its variant: name it with --variant")
    choice = PolicyChoice("local", variant, str(folder), device=args.device, seed=NOISE_SEED)
    policy = make_policy(choice, robot)
    policy.open()
    return policy
