"""The policy node with a policy that follows a known path: for `groot-ros benchmark runtime`."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from groot_ros.benchmarks.path_policy import Conditions, PathPolicy
from groot_ros.nodes import parameters
from groot_ros.nodes.lifecycle import run_node
from groot_ros.nodes.parameters import parameter
from groot_ros.nodes.policy.policy_node import PolicyNode
from groot_ros.nodes.policy.policy_parameters import PolicyParameters
from groot_ros.robot.config import RobotConfig


@dataclass(frozen=True)
class PathPolicyParameters(PolicyParameters):
    """Parameters of the policy node and what happens to its inferences, in lockstep or not."""

    latency: float = parameter(0.15, "mean duration of an inference", unit="s", low=0.0, high=10.0)
    jitter: float = parameter(
        0.05, "how far it strays to both sides", unit="s", low=0.0, high=10.0
    )
    loss: float = parameter(
        0.0, "share of inferences that give no chunk", unit="", low=0.0, high=0.99
    )


class PathPolicyNode(PolicyNode):
    """A PolicyNode whose policy is not made by the factory."""

    PARAMETERS = PathPolicyParameters

    def _open_policy(self, p: PolicyParameters, robot: RobotConfig) -> PathPolicy:
        path = parameters.read(self, PathPolicyParameters)
        if p.lockstep:
            return PathPolicy(Conditions(0.0, 0.0), robot)
        return PathPolicy(Conditions(path.latency, path.jitter, path.loss), robot)


def main() -> int:
    """Entry point."""
    return run_node(PathPolicyNode)


if __name__ == "__main__":
    sys.exit(main())
