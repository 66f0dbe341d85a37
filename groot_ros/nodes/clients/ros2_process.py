"""`ros2` commands in the background, on a ROS domain of their own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from groot_ros.policies.factory import PolicyChoice

END_WAIT_S = 60.0
# What ros2 launch says when a process of it ended by itself.
DIED = "process has died"


def enter_private_domain() -> None:
    """Keep to this machine, and to a random domain unless the user has chosen one."""
    os.environ.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 100)))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")


def ros2_process(arguments: list[str], log: Path) -> AbstractContextManager[Callable[[], bool]]:
    """A ros2 command in the background, see `background_process`."""
    return background_process(["ros2", *arguments], log)


@contextmanager
def background_process(command: list[str], log: Path) -> Iterator[Callable[[], bool]]:
    """A command in the background, ended by SIGINT; yields whether it still runs.

    What it has started ends with it, if need be by SIGKILL.
    """
    _let_children_hear_sigint()
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield lambda: process.poll() is None
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(END_WAIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                output.write(f"\n{DIED}: it did not end within {END_WAIT_S:g} s of SIGINT\n")


def _let_children_hear_sigint() -> None:
    """Commands that a shell puts into the background ignore SIGINT, and so would their children;
    with a handler they begin with the default."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def policy_launch(policy: PolicyChoice, **arguments: str) -> list[str]:
    """Arguments of ros2 for policy.launch.py with the simulated arm; without a black box unless
    `black_box` says so."""
    given = {"sim": "true", "policy": policy.policy, "device": policy.local.device}
    given |= {"black_box": "false", **arguments}
    if policy.policy == "local":
        local = policy.local
        given |= {"variant": policy.variant, "checkpoints_dir": local.checkpoints_dir}
        given |= {"checkpoint": local.checkpoint} if local.checkpoint else {}
    if policy.policy == "remote":
        remote = policy.remote
        given |= {"variant": policy.variant, "policy_url": remote.url}
        given |= {"policy_timeout": str(remote.timeout_s)}
        given |= {"policy_token_env": remote.token_env} if remote.token_env else {}
    if policy.local.seed is not None:
        given["noise_seed"] = str(policy.local.seed)
    return ["launch", "groot_ros", "policy.launch.py", *(f"{k}:={v}" for k, v in given.items())]
