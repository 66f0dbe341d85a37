"""What a user says about a checkpoint that is to run on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from groot_ros.options import option


@dataclass(frozen=True)
class LocalPolicyConfig:
    """Where the checkpoint is and what it runs on.

    With a `seed` the inferences of every episode draw the same noise, without one new noise.
    """

    checkpoints_dir: str = option(
        "folder of a checkpoint, or of an experiment with checkpoint-N inside",
        flags=("--checkpoints_dir", "--checkpoints-dir"),
        metavar="DIR",
    )
    checkpoint: str = option(
        "which checkpoint-N of an experiment; empty takes the latest", default="", metavar="ID"
    )
    device: str = option("auto, cpu, cuda or cuda:N", default="auto")
    dtype: str = option(
        "numbers that the network computes with; auto is bfloat16 on a GPU, float32 on a CPU",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
    )
    action_rate_hz: float = option(
        "steps per second of a chunk; 0 takes the checkpoint's, or 15",
        default=0.0,
        flags=("--action-rate",),
        metavar="HZ",
    )
    seed: int | None = None
    compile: str = option(
        "auto: CUDA graphs on a GPU; default: these, on a CPU compiled; max: kernels compiled or "
        "tuned, which takes minutes",
        default="auto",
        choices=("auto", "off", "default", "max"),
    )
