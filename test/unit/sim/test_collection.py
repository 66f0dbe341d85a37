from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from groot_ros.cli.main import main
from groot_ros.data.bags.reader import Bag
from groot_ros.errors import UserError
from groot_ros.observation.signal_messages import POSE
from groot_ros.sim.bag import BagOptions, record_episode
from groot_ros.sim.collection import Collection, collect
from groot_ros.sim.expert import ScriptedPolicy
from groot_ros.sim.perturbed import Disturbance, PerturbedPolicy
from groot_ros.sim.simulation import SimConfig, Simulation
from groot_ros.sim.starts import STARTS, draw_cubes
from groot_ros.sim.tasks import Task
from groot_ros.sim.world import WorldConfig


def test_bags_say_what_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--task=reach", "--episodes=1", "--workers=1", f"--output={tmp_path / 'bags'}"]
    assert main(["collect", *arguments]) == 0
    shown = f"look at them: groot-ros view {tmp_path / 'bags'} --robot sim\n"
    assert shown in capsys.readouterr().out
    bag = Bag(tmp_path / "bags" / "reach_01000_red")
    assert bag.info is not None
    assert (bag.info.instruction, bag.info.outcome) == ("reach the red cube", "success")
    with pytest.raises(UserError, match="is not empty"):
        list(collect(Collection("reach", 1, tmp_path / "bags")))
    before = [path.stat().st_mtime_ns for path in bag.path.iterdir()]
    assert main(["collect", *arguments, "--resume", "--quiet"]) == 0
    assert [path.stat().st_mtime_ns for path in bag.path.iterdir()] == before
    assert capsys.readouterr() == ("", "")


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
    collection = Collection("reach", 20, tmp_path, colors)
    simulation = Simulation(SimConfig(WorldConfig(colors)))
    begins = []
    for first in range(0, collection.episodes, 2):
        pair = []
        for index in (first, first + 1):
            simulation.reset(
                collection.scene(index), collection.task(index), STARTS[collection.start(index)]
            )
            pair.append(simulation.configuration)
        np.testing.assert_array_equal(*pair)
        assert {collection.task(first).color, collection.task(first + 1).color} == set(colors)
        begins.append(pair[0])
    simulation.close()
    assert len({collection.name(index) for index in range(20)}) == 20
    assert len(np.unique(begins, axis=0)) == 10


def test_hands_that_missed_are_beside_either_cube(tmp_path: Path) -> None:
    collection = Collection("reach", 200, tmp_path, ("red", "blue"))
    missed = [index for index in range(200) if collection.start(index) == "after_miss"]
    assert 0.25 < np.mean([collection.scene(index) % 2 for index in missed]) < 0.75


def test_sides_go_with_colors_mostly_but_not_always(tmp_path: Path) -> None:
    colors = ("red", "blue")
    collection = Collection("pick", 400, tmp_path, colors)
    scenes = [collection.scene(index) for index in range(0, 400, 2)]
    red_m, blue_m = np.transpose(
        [draw_cubes(np.random.default_rng(scene), 2)[:, 1] for scene in scenes]
    )
    assert 0.6 < np.mean((red_m > 0) & (blue_m < 0)) < 0.85
    assert np.any((red_m < 0) & (blue_m > 0))


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
    bag = Bag(tmp_path / "bag")
    commands = [m.pose.position for _, _, m in bag.messages({"/target_pose": POSE})]
    first = np.array([commands[0].x, commands[0].y, commands[0].z])
    measured = [m.pose.position for _, _, m in bag.messages({"/ee_pose": POSE})]
    start = np.array([measured[0].x, measured[0].y, measured[0].z])
    # A step of the expert is 8 mm at most in its first 35 ms; a push is many times as long.
    assert np.linalg.norm(first - start) < 0.012
