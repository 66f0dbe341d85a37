"""A policy as it is tried in simulation."""

from __future__ import annotations

from pathlib import Path

from groot_ros.chunks.execution import strategies
from groot_ros.chunks.execution.strategies import RTC, chosen
from groot_ros.errors import UserError
from groot_ros.files.shell import quoted
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import (
    checkpoint_variant,
    find_checkpoint,
    shipped_checkpoint,
)
from groot_ros.policies.factory import AUTO, MODELS, PolicyChoice, chosen_codec
from groot_ros.policies.remote.connection import RemoteConfig
from groot_ros.robot.config import load_robot
from groot_ros.sim.trials import EXECUTED_STEPS

SIMULATED = "sim"
"""The robot that policies are tried with where no other is named."""
# Noise of the policy; the scenes have their own seeds.
NOISE_SEED = 0
ANSWER_TIMEOUT_S = 60.0


def checkpoint_choice(checkpoint: Path | None, robot: str = SIMULATED) -> PolicyChoice:
    """A checkpoint, or the shipped one, for a robot file, with the same noise in every episode.

    UserError for one that does not name its variant.
    """
    folder = find_checkpoint(checkpoint or shipped_checkpoint())
    variant = checkpoint_variant(folder, load_robot(robot).name)
    if not variant:
        raise UserError(
            f"{folder} has no groot_ros.json that names its variant: evaluate a checkpoint of "
            "groot-ros train"
        )
    return PolicyChoice("local", variant, LocalPolicyConfig(str(folder), seed=NOISE_SEED))


def remote_choice(url: str, codec: str, token_env: str = "") -> PolicyChoice:
    """The model of a server; UserError where the URL or the codec is missing or wrong."""
    if not url:
        raise UserError(
            "the policy is remote, but no server is named: add --url gr00t://host:5555, "
            "--url ws://host:8000 or --url openpi://host:8000"
        )
    if codec == AUTO:
        raise UserError(
            "a server's model need not say its codec: name it with --codec, such as "
            "--codec ee_rot6d, or the path of a codec file as `groot-ros codec draft --url "
            f"{quoted(url)} --output mine.yaml` writes one"
        )
    # The simulator's clock waits for the answer.
    remote = RemoteConfig(url, ANSWER_TIMEOUT_S, token_env=token_env)
    _ = remote.parts, remote.token
    return PolicyChoice("remote", codec, remote=remote)


def chosen_strategy(asked: str, policy: PolicyChoice) -> str:
    """What the policy will choose once it is open; UserError for `rtc` where it cannot.

    Only an open connection knows whether a server continues chunks: `auto` stays that.
    """
    if asked == strategies.AUTO and policy.policy == "remote":
        return asked
    obstacle = continuation_obstacle(policy)
    if asked == RTC and obstacle:
        raise UserError(f"{obstacle}: choose another strategy than rtc")
    return chosen(asked, obstacle)


def continuation_obstacle(policy: PolicyChoice) -> str:
    """Why it cannot continue a chunk; empty where it can."""
    if policy.policy not in MODELS:
        return f"the {policy.policy} policy makes every chunk anew"
    return policy.remote.no_continuation if policy.policy == "remote" else ""


def executed_steps(policy: PolicyChoice, strategy: str, asked: int | None = None) -> int:
    """Steps of a chunk until the next inference: those that are asked for, or what the policy's
    codec says that it does best with; chunks that continue each other are best made as often as
    can be, which is 0. UserError for fewer."""
    check_executed_steps(asked)
    if asked is not None:
        return asked
    said = chosen_codec(policy).execute if policy.policy in MODELS else 0
    return said or (0 if strategy == RTC else EXECUTED_STEPS)


def check_executed_steps(asked: int | None) -> None:
    """UserError for a number of steps that cannot be executed; None is for the codec to say."""
    if asked is not None and asked < 0:
        raise UserError(f"executed-steps is {asked}, expected 0 or more")
