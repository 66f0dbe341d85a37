from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from groot_ros.cli.main import main
from groot_ros.data.bag import Bag
from groot_ros.errors import UserError
from groot_ros.policies.perturbed import Disturbance, PerturbedPolicy
from groot_ros.policies.scripted import ScriptedPolicy
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.collection import Collection, collect
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.starts import STARTS, draw_cubes
from groot_ros.sim.tasks import Task
from groot_ros.sim.world import WorldConfig


def test_bags_say_what_was_done(tmp_path: Path) -> None:
    arguments = ["--task=reach", "--episodes=1", "--workers=1", f"--output={tmp_path / 'bags'}"]
    assert main(["collect", *arguments]) == 0
    bag = Bag(tmp_path / "bags" / "reach_01000_red")
    assert bag.info is not None
    assert (bag.info.instruction, bag.info.outcome) == ("reach the red cube", "success")
    with pytest.raises(UserError, match="is not empty"):
        list(collect(Collection("reach", 1, tmp_path / "bags")))


@pytest.mark.parametrize("cubes", ["purple", "red red"])
@pytest.mark.parametrize("verb", ["collect", "evaluate", "learn"])
def test_cubes_that_cannot_be_are_refused(
    tmp_path: Path, verb: str, cubes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    arguments = ["--task=pick", "--episodes=1", f"--output={output}", "--cubes", *cubes.split()]
    assert main([verb, *arguments]) == 2
    assert "expected some of red,green,blue, each once" in capsys.readouterr().err
    assert not output.exists()


def test_only_the_instruction_tells_which_cube_is_meant(tmp_path: Path) -> None:
    colors = ("red", "blue")
    collection = Collection("reach", 24, tmp_path, colors)
    simulation = Simulation(SimConfig(WorldConfig(colors)))
    begins: dict[int, list[NDArray[np.float64]]] = {}
    for index in range(collection.episodes):
        scene = collection.scene(index)
        simulation.reset(scene, collection.task(index), STARTS[collection.start(index)])
        begins.setdefault(scene, []).append(simulation.configuration)
    simulation.close()
    assert len({collection.name(index) for index in range(24)}) == 24
    assert len(np.unique([begin[0] for begin in begins.values()], axis=0)) == len(begins)
    pairs = [begin for begin in begins.values() if len(begin) == 2]
    assert pairs
    for pair in pairs:
        np.testing.assert_array_equal(*pair)


def test_hands_that_missed_are_beside_either_cube(tmp_path: Path) -> None:
    collection = Collection("reach", 200, tmp_path, ("red", "blue"))
    missed = [index for index in range(200) if collection.start(index) == "after_miss"]
    assert 0.25 < np.mean([collection.scene(index) % 2 for index in missed]) < 0.75


def test_sides_go_with_colors_mostly_but_not_always(tmp_path: Path) -> None:
    colors = ("red", "blue")
    collection = Collection("pick", 400, tmp_path, colors)
    left_m: dict[str, list[float]] = {color: [] for color in colors}
    for index in range(collection.episodes):
        cubes = draw_cubes(np.random.default_rng(collection.scene(index)), 2)
        color = collection.task(index).color
        left_m[color].append(cubes[colors.index(color), 1])
    assert 150 < len(left_m["red"]) < 250
    assert 0.7 < np.mean(np.array(left_m["red"]) > 0) < 0.9
    assert 0.7 < np.mean(np.array(left_m["blue"]) < 0) < 0.9


def test_one_cube_is_asked_for_wherever_it_lies(tmp_path: Path) -> None:
    collection = Collection("pick", 5, tmp_path)
    assert [collection.scene(index) for index in range(5)] == [1000, 1001, 1002, 1003, 1004]
    assert [collection.start(index) for index in range(5)] == ["random"] * 4 + ["after_miss"]


def test_labels_are_what_a_disturbed_expert_meant(tmp_path: Path) -> None:
    simulation = Simulation()
    simulation.reset(0, Task("reach"))
    always = Disturbance(probability=1.0, shortest_steps=40, longest_steps=40, sigma_m=0.05)
    policy = PerturbedPolicy(ScriptedPolicy(), 0, always)
    record_episode(tmp_path / "bag", policy, simulation, BagOptions(time_limit_s=0.5, tail_s=0.0))
    simulation.close()
    commands = [m.pose.position for _, _, m in Bag(tmp_path / "bag").messages(["/target_pose"])]
    first = np.array([commands[0].x, commands[0].y, commands[0].z])
    measured = [m.pose.position for _, _, m in Bag(tmp_path / "bag").messages(["/ee_pose"])]
    start = np.array([measured[0].x, measured[0].y, measured[0].z])
    # A step of the expert is 8 mm at most in its first 35 ms; a push is many times as long.
    assert np.linalg.norm(first - start) < 0.012
