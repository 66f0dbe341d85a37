"""Prints docs/parameters.md, made from the dataclasses of the nodes' parameters."""

from __future__ import annotations

import sys

from groot_ros.nodes.executor.executor_parameters import ExecutorParameters
from groot_ros.nodes.parameters import markdown_rows
from groot_ros.nodes.policy.policy_parameters import PolicyParameters
from groot_ros.nodes.recorder.recorder_parameters import RecorderParameters
from groot_ros.nodes.sim.fake_parameters import FakeParameters
from groot_ros.nodes.sim.sim_parameters import SimParameters, SimulatorParameters

NODES = {
    "policy_node": PolicyParameters,
    "executor_node": ExecutorParameters,
    "recorder_node": RecorderParameters,
    "sim_node": SimParameters,
    "fake_node": FakeParameters,
    "SimulatorNode": SimulatorParameters,
}
HEADING = (
    "| parameter | default | unit | allowed | fixed | meaning |",
    "|---|---|---|---|---|---|",
)
INTRODUCTION = """# Parameters of the nodes

Set them in a launch file, in a parameter file or with `-p name:=value`. Those marked fixed cannot
change while the node is configured; the others take effect at once."""


def page() -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    for name, cls in NODES.items():
        lines += ["", f"## {name}", "", *HEADING, *markdown_rows(cls)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(page())
