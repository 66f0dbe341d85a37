"""Processes of nodes that begin with everything imported: copies of one that has imported it."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import TextIO

# What nodes import; none of it starts a thread. A network that some need is imported by those.
PRELOADED = [
    f"groot_ros.nodes.{name}"
    for name in (
        "executor.executor_node",
        "policy.path_policy_node",
        "policy.policy_node",
        "recorder.recorder_node",
        "sim.fake_node",
    )
]


class CopiedProcess:
    """The part of Popen that tests use, for a command `python -m MODULE ARGUMENTS...`.

    The module's `main` runs in a process of its own, with this process's environment, its output
    is `stdout`. The seconds of its imports are spent once, by the process that it is a copy of.
    """

    stdout: TextIO

    def __init__(self, command: Sequence[str]) -> None:
        _, flag, module, *arguments = command
        assert flag == "-m"
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        reader, writer = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_run, args=(module, arguments, dict(os.environ), writer)
        )
        self._process.start()
        writer.close()
        self.stdout = os.fdopen(os.dup(reader.fileno()), errors="replace")
        reader.close()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """The exit code; TimeoutExpired when it still runs after so many seconds."""
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired([self._process.name], timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(
    module: str, arguments: list[str], environment: dict[str, str], output: Connection
) -> None:
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output.fileno(), stream.fileno())
    output.close()
    os.environ.clear()
    os.environ.update(environment)
    node = importlib.import_module(module)
    sys.argv = [str(node.__file__), *arguments]
    sys.exit(node.main())
