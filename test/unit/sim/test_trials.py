from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from groot_ros.errors import UserError
from groot_ros.sim.tasks import Task
from groot_ros.sim.trials import Trials, compared, explain_failure

CUBES = {"red": np.array([0.5, 0.0, 0.02]), "blue": np.array([0.4, 0.15, 0.02])}


def test_each_cube_has_its_turn_and_another_one_after_a_swap() -> None:
    trials = Trials("pick", cubes=("red", "blue"), swap_after_s=1.0)
    assert [trials.task(index).color for index in range(3)] == ["red", "blue", "red"]
    assert [trials.final_task(index).color for index in range(3)] == ["blue", "red", "blue"]


@pytest.mark.parametrize(
    ("kind", "place", "grip", "failure"),
    [
        ("pick", [0.6, 0.1], 0.9, "did not get to the cube"),
        ("pick", [0.5, 0.0], 0.1, "did not close the gripper"),
        ("pick", [0.5, 0.01], 0.9, "did not lift the cube"),
        ("pick", [0.4, 0.15], 0.9, "went to another cube"),
        ("reach", [0.5, 0.01], 0.0, "did not hold still above the cube"),
    ],
)
def test_failures_have_names(kind, place, grip, failure) -> None:
    positions = np.array([[0.45, 0.1, 0.3], [*place, 0.02]])
    grips = np.array([0.0, grip])
    assert explain_failure(Task(kind, "red"), CUBES, positions, grips) == failure


def test_an_evaluation_is_compared_in_the_scenes_of_both(tmp_path: Path) -> None:
    def result(scenes: range, done: bool) -> dict[str, Any]:
        outcomes = [{"scene": i, "instruction": "pick", "succeeded": done} for i in scenes]
        return {"scenes": outcomes}

    (tmp_path / "evaluation.json").write_text(json.dumps(result(range(8), False)))
    found = compared(tmp_path, result(range(2, 10), True))
    assert (found["pairs"], found["only_second"], found["p_value"]) == (6, 6, 0.0312)
    with pytest.raises(UserError, match="other scenes"):
        compared(tmp_path, result(range(20, 22), True))
    with pytest.raises(UserError, match=r"evaluation.json not found"):
        compared(tmp_path / "none", result(range(2), True))
