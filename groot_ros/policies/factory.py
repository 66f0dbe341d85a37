"""Policies by name, each imported only when it is wanted."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.codecs.catalog import find_codec
from groot_ros.codecs.file import CodecFile
from groot_ros.errors import UserError
from groot_ros.extras import missing_package
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import (
    checkpoint_codec,
    checkpoint_codecs,
    find_checkpoint,
)
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.policy import Policy
from groot_ros.robot.config import RobotConfig

MODELS = ("local", "remote")
"""The policies with a model behind a codec."""
POLICIES = (*MODELS, "scripted", "sway")
AUTO = "auto"
"""The variant that a checkpoint says itself."""


@dataclass(frozen=True)
class PolicyChoice:
    """What a user says about the policy: its name, its variant, and what that policy needs."""

    policy: str
    variant: str
    local: LocalPolicyConfig = LocalPolicyConfig("")
    remote: RemoteConfig = RemoteConfig("")


def chosen_codec(choice: PolicyChoice) -> CodecFile:
    """The codec that a policy with a model answers in; UserError where nobody says it.

    Of a checkpoint that carries its own, that one under its name, and for `auto`.
    """
    own, known = None, ""
    local = choice.local
    if choice.policy == "local" and local.checkpoints_dir:
        folder = find_checkpoint(local.checkpoints_dir, local.checkpoint)
        own, known = checkpoint_codec(folder, choice.variant), ", ".join(checkpoint_codecs(folder))
    if own and (known or choice.variant in (AUTO, own.name)):
        return own
    if choice.variant == AUTO and known:
        raise UserError(
            f"variant is auto, but the checkpoint was trained with several robots: name one of "
            f"{known}"
        )
    if choice.variant == AUTO:
        whose = "the checkpoint does" if choice.policy == "local" else "a server's model need"
        raise UserError(
            f"variant is auto, but {whose} not say its codec: name the variant, or a codec file "
            "as groot-ros codec draft writes one"
        )
    return find_codec(choice.variant)


def make_policy(choice: PolicyChoice, robot: RobotConfig) -> Policy:
    """A policy that is not open yet; UserError when the robot cannot serve it."""
    if choice.policy == "scripted":
        from groot_ros.sim.expert import ScriptedPolicy

        return ScriptedPolicy()
    if choice.policy == "sway":
        from groot_ros.policies.sway import SwayPolicy

        return SwayPolicy(robot)
    if choice.policy == "local":
        try:
            from groot_ros.policies.checkpoint.local import LocalPolicy
        except ModuleNotFoundError as error:
            raise missing_package(error) or error from None
        return LocalPolicy(choice.local, chosen_codec(choice), robot)
    if choice.policy == "remote":
        from groot_ros.policies.remote.policy import RemotePolicy

        return RemotePolicy(choice.remote, chosen_codec(choice), robot)
    raise UserError(f"policy {choice.policy!r} is unknown, expected one of {', '.join(POLICIES)}")
