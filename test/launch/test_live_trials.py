"""`groot-ros evaluate --via ros`: many scenes in one life of the nodes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from groot_ros.errors import UserError
from groot_ros.nodes.clients.live_trials import run_trials
from groot_ros.policies.checkpoint.config import LocalPolicyConfig
from groot_ros.policies.checkpoint.folder import shipped_checkpoint
from groot_ros.policies.factory import PolicyChoice
from groot_ros.sim.trials import Films, Trials

LIMIT_S = 1800.0
COMMAND = [sys.executable, "-m", "groot_ros.cli.main", "evaluate", "--via=ros", "--json"]


def test_the_expert_picks_in_scene_after_scene(ros_domain: int, tmp_path: Path) -> None:
    arguments = ["--policy=scripted", "--episodes=3", "--executed-steps=4"]
    arguments += ["--cubes", "red", "blue", "--swap-after=1"]
    done = subprocess.run(
        [*COMMAND, *arguments, f"--output={tmp_path}"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr + (tmp_path / "nodes.log").read_text()
    result = json.loads(done.stdout)
    assert (result["via"], result["successes"], result["failures"]) == ("ros", 3, {})
    assert [scene["succeeded"] for scene in result["scenes"]] == [True] * 3
    # A cube that was asked for after a second cannot be lifted at once.
    assert 2.0 < result["mean_time_s"] < 15.0
    assert Image.open(tmp_path / "contact_sheet.png").size[0] > 600
    records = sorted((tmp_path / "trials").glob("scene_*.json"))
    for record in records:
        measured = json.loads(record.read_text())["measured"]
        assert set(measured) == {"ee_pose", "joint_position", "grip"}
    assert len(records) == 3
    assert "process has died" not in (tmp_path / "nodes.log").read_text()


def test_a_variant_without_poses_is_refused(tmp_path: Path) -> None:
    policy = PolicyChoice("local", "joints_traj", LocalPolicyConfig(str(shipped_checkpoint())))
    with pytest.raises(UserError, match="joints_traj makes no poses"):
        next(run_trials(policy, Trials("pick"), Films(tmp_path)))
