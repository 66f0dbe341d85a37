"""Parameters of the policy node."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.chunks.execution.strategies import AUTO, CHOICES
from groot_ros.nodes.parameters import (
    lockstep_parameter,
    option_parameter,
    parameter,
    robot_parameter,
    topic_parameter,
)
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.factory import POLICIES
from groot_ros.timing.latency import Latency


@dataclass(frozen=True)
class PolicyParameters:
    """Parameters of the policy node."""

    robot: str = robot_parameter()
    policy: str = parameter("local", "what makes the chunks", choices=POLICIES, read_only=True)
    variant: str = parameter(
        "ee_rot6d_joints",
        "codec that the checkpoint was trained with: a name, the path of a codec file, or auto: "
        "the one that the checkpoint carries",
        read_only=True,
    )
    checkpoints_dir: str = option_parameter(LocalPolicyConfig, "checkpoints_dir", default="")
    checkpoint: str = option_parameter(LocalPolicyConfig, "checkpoint")
    device: str = option_parameter(LocalPolicyConfig, "device")
    dtype: str = option_parameter(LocalPolicyConfig, "dtype")
    compile: str = option_parameter(LocalPolicyConfig, "compile")
    policy_url: str = parameter(
        "",
        "server of a remote policy: gr00t://host:5555 for NVIDIA's protocol, ws://host:8000 for "
        "Positronic's, openpi://host:8000 for openpi's",
        read_only=True,
    )
    policy_timeout: float = parameter(
        2.0,
        "a server that needs longer to answer is lost",
        unit="s",
        low=0.05,
        high=180.0,
        read_only=True,
    )
    policy_jpeg_quality: int = parameter(
        0,
        "of the pictures sent to a server; 0 sends them as they are",
        unit="",
        low=0,
        high=95,
        read_only=True,
    )
    policy_token_env: str = parameter(
        "", "environment variable with the token that a server wants", read_only=True
    )
    instruction: str = parameter("pick up the red cube", "what to do, in words")
    replan_rate: float = parameter(
        0.0,
        "inferences per second at most; 0 starts one as soon as the last has ended",
        unit="Hz",
        low=0.0,
        high=100.0,
    )
    replan_steps: int = parameter(
        0,
        "begin an inference when so many steps of the last chunk are executed; 0: at once",
        low=0,
    )
    replan_remaining: float = parameter(
        0.0,
        "begin an inference when less of the last chunk is left; 0: at once",
        unit="s",
        low=0.0,
        high=60.0,
    )
    strategy: str = parameter(
        AUTO,
        "that of the executor; with rtc every chunk continues the one in execution; auto: rtc "
        "where the policy can, else latest",
        choices=CHOICES,
        read_only=True,
    )
    success_topic: str = parameter(
        "",
        "Bool: true ends the task of run_policy with SUCCESS; empty: nobody says so",
        read_only=True,
    )
    still_for: float = parameter(
        0.0,
        "an arm that has moved and then stands for so long ends the task of run_policy with "
        "SUCCESS; 0: it does not",
        unit="s",
        low=0.0,
        high=600.0,
        read_only=True,
    )
    executor_state_topic: str = topic_parameter(
        "executor/state", "where the executor tells how far it is"
    )
    action_rate: float = option_parameter(
        LocalPolicyConfig, "action_rate_hz", unit="Hz", low=0.0, high=200.0
    )
    state_max_age: float = parameter(
        0.0,
        "oldest joint, pose or grip state that is used; 0 takes the robot file's",
        unit="s",
        low=0.0,
        high=10.0,
        read_only=True,
    )
    camera_max_age: float = parameter(
        0.0,
        "oldest picture that is used; 0 takes the robot file's",
        unit="s",
        low=0.0,
        high=10.0,
        read_only=True,
    )
    seed: int = parameter(
        -1,
        "of a local policy's noise and of what latency is drawn, the same in every episode; -1: "
        "new noise for every inference",
        low=-1,
        read_only=True,
    )
    latency: float = option_parameter(
        Latency, "chunk_s", when="in lockstep", unit="s", low=0.0, high=10.0
    )
    jitter: float = option_parameter(
        Latency, "jitter_s", when="in lockstep", unit="s", low=0.0, high=10.0
    )
    loss: float = option_parameter(Latency, "loss", when="in lockstep", low=0.0, high=0.99)
    lockstep: bool = lockstep_parameter()
