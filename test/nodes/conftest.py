"""Fixtures of the node tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graph import FakeRobot, Graph, NodeProcess


@pytest.fixture
def graph(ros_domain: int) -> Iterator[Graph]:
    graph = Graph()
    yield graph
    graph.close()


@pytest.fixture
def robot(graph: Graph) -> FakeRobot:
    return FakeRobot(graph)


@pytest.fixture
def start(graph: Graph) -> Iterator[Callable[..., NodeProcess]]:
    """Starts nodes of the package that end with the test."""
    processes: list[NodeProcess] = []

    def start_node(module: str, **parameters: Any) -> NodeProcess:
        processes.append(NodeProcess(module, **parameters))
        return processes[-1]

    yield start_node
    for process in processes:
        process.close()


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained checkpoint of the default variant."""
    from groot_ros.cli.main import main

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    variant = "ee_rot6d_joints"
    assert (
        main(["init-checkpoint", "--size=tiny", f"--variant={variant}", f"--output={folder}"]) == 0
    )
    return folder
