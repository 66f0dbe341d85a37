"""Which checkpoint and which variant the launch file takes when the user names none."""

from __future__ import annotations

from pathlib import Path

import pytest
from launch import LaunchContext

from groot_ros.cli.main import main
from groot_ros.nodes.launching import (
    DEFAULT_VARIANT,
    choose_clock,
    chosen_variant,
    simulation_checkpoint,
)
from groot_ros.policies.checkpoint.folder import checkpoint_variant, shipped_checkpoint


def test_the_shipped_checkpoint_is_taken_unless_another_variant_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    shipped = shipped_checkpoint()
    assert simulation_checkpoint("auto") == shipped
    assert simulation_checkpoint(checkpoint_variant(shipped)) == shipped
    assert checkpoint_variant(simulation_checkpoint("ee")) == "ee"


def test_the_variant_is_the_one_that_the_checkpoint_names(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "checkpoint-7"
    main(["init-checkpoint", "--variant=ee_joints", f"--output={folder}"])
    assert chosen_variant(str(tmp_path / "runs"), "") == "ee_joints"
    assert chosen_variant(str(tmp_path / "runs"), "7") == "ee_joints"
    # The only one below.
    assert chosen_variant(str(tmp_path), "") == "ee_joints"
    for nothing in ("", str(tmp_path / "none"), "/does/not/exist"):
        assert chosen_variant(nothing, "") == DEFAULT_VARIANT


@pytest.mark.parametrize(
    ("given", "lockstep", "use_sim_time"),
    [
        ({"robot": "ur5e", "lockstep": "true"}, "true", "true"),
        ({"robot": "ur5e", "use_sim_time": "true"}, "false", "true"),
        ({"robot": "ur5e"}, "false", "false"),
        ({"robot": "sim"}, "true", "true"),
        ({"robot": "ur5e", "lockstep": "true", "fake": "true"}, "false", "false"),
    ],
)
def test_the_nodes_live_in_the_time_of_the_simulator_that_is_named(
    given: dict[str, str], lockstep: str, use_sim_time: str
) -> None:
    context = LaunchContext()
    plain = dict.fromkeys(("sim", "fake", "real_time", "use_sim_time", "lockstep"), "false")
    context.launch_configurations.update({**plain, **given})
    choose_clock(context)
    chosen = context.launch_configurations
    assert (chosen["lockstep"], chosen["use_sim_time"]) == (lockstep, use_sim_time)
