"""Lifecycle nodes under wrong code and at a bad moment."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from graph import WAIT_S, Graph
from lifecycle_msgs.srv import ChangeState

NODE = """
import sys, threading
from dataclasses import dataclass
from groot_ros.nodes.lifecycle import GuardedLifecycleNode, run_node
from groot_ros.nodes.parameters import parameter

@dataclass(frozen=True)
class Parameters:
    fault: str = parameter("", "what goes wrong")

class Held:
    def __init__(self):
        self.own = self
    def __del__(self):
        print("freed", flush=True)

class Node(GuardedLifecycleNode):
    NAME = "faulty"
    PARAMETERS = Parameters
    def configure(self):
        fault = self.get_parameter("fault").value
        if fault == "hang":
            print("hanging", flush=True)
            threading.Event().wait()
        if fault == "crash":
            raise RuntimeError("a programming error")
        if fault == "hold":
            self.held = Held()
    def activate(self):
        raise RuntimeError("cannot start")

sys.exit(run_node(Node))
"""


@pytest.fixture
def faulty(graph: Graph) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", NODE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_errors_in_transitions_are_logged_and_survived(graph: Graph, faulty) -> None:
    graph.set_parameter("/faulty", "fault", "crash")
    assert not graph.transition("/faulty", "configure")
    assert graph.state("/faulty") == "unconfigured"
    graph.set_parameter("/faulty", "fault", "")
    assert graph.transition("/faulty", "configure")
    assert not graph.transition("/faulty", "activate")
    assert graph.state("/faulty") == "inactive"
    faulty.send_signal(signal.SIGINT)
    output, _ = faulty.communicate(timeout=WAIT_S)
    assert faulty.returncode == 0
    assert "configure failed" in output and "RuntimeError: a programming error" in output
    assert "activate failed" in output and "RuntimeError: cannot start" in output


def test_what_a_configuration_left_is_freed_by_the_next(graph: Graph, faulty) -> None:
    graph.set_parameter("/faulty", "fault", "hold")
    for transition in ("configure", "cleanup", "configure"):
        assert graph.transition("/faulty", transition)
    assert not graph.transition("/faulty", "activate")
    faulty.send_signal(signal.SIGINT)
    output, _ = faulty.communicate(timeout=WAIT_S)
    assert output.index("freed") < output.index("activate failed")


def test_sigterm_ends_in_order(graph: Graph, faulty) -> None:
    assert graph.transition("/faulty", "configure")
    faulty.send_signal(signal.SIGTERM)
    assert faulty.wait(WAIT_S) == 0


def test_sigint_ends_a_node_that_is_still_configuring(graph: Graph, faulty) -> None:
    graph.set_parameter("/faulty", "fault", "hang")
    client = graph.client(ChangeState, "/faulty/change_state")
    request = ChangeState.Request()
    request.transition.id = 1
    client.call_async(request)
    assert faulty.stdout.readline() == "hanging\n"
    faulty.send_signal(signal.SIGINT)
    assert faulty.wait(WAIT_S) == 0
