"""The nodes of the package as processes of their own."""

from __future__ import annotations

import sys

MODULES = {
    "executor_node": "groot_ros.nodes.executor.executor_node",
    "fake_node": "groot_ros.nodes.sim.fake_node",
    "path_policy_node": "groot_ros.nodes.benchmarks.path_policy_node",
    "policy_node": "groot_ros.nodes.policy.policy_node",
    "recorder_node": "groot_ros.nodes.recorder.recorder_node",
    "sim_node": "groot_ros.nodes.sim.sim_node",
}


def node_command(name: str, *arguments: str) -> list[str]:
    """The command line that runs a node with this Python."""
    return [sys.executable, "-m", MODULES.get(name, name), *arguments]
