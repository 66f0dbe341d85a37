"""A small dataset, made by the converter's own writers from signals that are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from groot_ros.data.conversion.convert import convert
from groot_ros.data.conversion.settings import Conversion
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.tasks import Task


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over several threads are not the same every time."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three short episodes of the simulated arm, converted for ee_rot6d_joints."""
    folder = tmp_path_factory.mktemp("training")
    simulation = Simulation(SimConfig(image_width=64, image_height=48))
    for seed in range(3):
        simulation.reset(seed, Task("reach"))
        options = BagOptions(image_rate_hz=15.0, time_limit_s=1.6, tail_s=0.0)
        record_episode(folder / "bags" / str(seed), Hover(), simulation, options)
    simulation.close()
    convert(Conversion([folder / "bags"], "sim", "ee_rot6d_joints", folder / "dataset"))
    return folder / "dataset"


class Hover(ScriptedPolicy):
    """The expert where pictures are too small to find a cube in: it stays where it is."""

    def __init__(self) -> None:
        super().__init__(lambda observation, color: np.array([0.5, 0.05, 0.02]))
