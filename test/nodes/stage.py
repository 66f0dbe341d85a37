"""A domain with a robot and nodes that several tests share."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import pytest
from domain_coordinator import domain_id
from graph import FakeRobot, Graph, NodeProcess


class Stage:
    """The test's own node, its robot, and what it starts."""

    robot: FakeRobot

    def __init__(self, stack: ExitStack, use_sim_time: bool) -> None:
        self._stack = stack
        self.graph = stack.enter_context(closing(Graph(use_sim_time=use_sim_time)))

    def bring_robot(self) -> FakeRobot:
        """From now on there is a robot."""
        self.robot = FakeRobot(self.graph)
        return self.robot

    def start(self, module: str, **parameters: Any) -> NodeProcess:
        """A node of the package in a process of its own."""
        return self._stack.enter_context(closing(NodeProcess(module, **parameters)))

    def activate(self, node: str) -> None:
        """Configure and activate a lifecycle node."""
        assert self.graph.transition(node, "configure")
        assert self.graph.transition(node, "activate")


@contextmanager
def staged(use_sim_time: bool = False, robot: bool = True) -> Iterator[Stage]:
    """A stage in a domain of its own; everything on it ends with the block."""
    with ExitStack() as stack:
        domain = stack.enter_context(domain_id(partial(random.randint, 1, 100)))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("ROS_DOMAIN_ID", str(domain))
        stage = Stage(stack, use_sim_time)
        if robot:
            stage.bring_robot()
        yield stage
